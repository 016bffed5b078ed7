"""Tape: CPU stand-in for a CUDA graph.

It records operations with their tensors and repeats them without their code.

A tape freezes what a graph freezes: shapes, numbers that Python computed, and addresses. A step that reads the host's state, or a buffer
that was replaced, gives wrong results here as it would on a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resonance_model.decoder.cuda_graphs import Work


class Tape(TorchDispatchMode):
    """Records every operation in its `with`; `play` repeats them in the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        # A graph cannot hold the conversion of a tensor to a Python number, so that the tape may not either.
        assert func is not torch.ops.aten._local_scalar_dense.default, "the host waits for a number"
        is_mutable = func._schema.is_mutable
        if is_mutable or not _is_view(result, args, kwargs):
            written = [] if is_mutable else [leaf for leaf in tree_leaves(result) if _is_tensor(leaf)]
            self._calls.append((func, args, kwargs, written))
        return result

    def play(self) -> None:
        """Repeats all operations on the tensors' present contents."""
        for func, args, kwargs, written in self._calls:
            again = func(*args, **kwargs)
            if written:
                for old, new in zip(written, filter(_is_tensor, tree_leaves(again)), strict=True):
                    old.copy_(new)


class Taping:
    """GraphRecorder by tapes; counts the tapes and their replays."""

    def __init__(self) -> None:
        self.tape_count = 0
        self.play_count = 0

    def __call__(self, work: Work) -> Work:
        work()  # CUDA's capture warms up too
        with Tape() as tape:
            work()
        self.tape_count += 1

        def play() -> None:
            self.play_count += 1
            tape.play()

        return play


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, Tensor)


def _is_view(result: Any, args: Any, kwargs: Any) -> bool:
    """True where all results are views of the arguments: a replay has nothing to do."""
    outs = [leaf for leaf in tree_leaves(result) if _is_tensor(leaf)]
    ins = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if _is_tensor(leaf)}
    return bool(outs) and all(_storage(leaf) in ins for leaf in outs)


def _storage(tensor: Tensor) -> int:
    return 0 if tensor.layout is torch._mkldnn else tensor.untyped_storage().data_ptr()  # type: ignore[attr-defined]
