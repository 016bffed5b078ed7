"""Detection of host waits for results of a device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
# A number for the host, or a shape that depends on what a tensor holds.
_ASKING = (aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten._unique2, aten.repeat_interleave.Tensor)


class Waits(TorchDispatchMode):
    """Lists, within its `with`, the operations that make the host wait for a device that is no CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        is_from_device = any(_is_elsewhere(leaf) for leaf in tree_leaves((args, kwargs)))
        is_to_host = any(isinstance(leaf, Tensor) and not _is_elsewhere(leaf) for leaf in tree_leaves(result))
        if is_from_device and (is_to_host or func in _ASKING or func.overloadpacket in _ASKING):
            self.found.append(str(func))
        return result


def _is_elsewhere(leaf: object) -> bool:
    return isinstance(leaf, Tensor) and leaf.device.type != "cpu"
