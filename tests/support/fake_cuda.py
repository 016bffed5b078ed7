"""Fake CUDA tensors: shape, type and device without numbers.

They exist in a torch without CUDA and refuse to mix devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten


@contextmanager
def fake_cuda() -> Iterator[None]:
    """Makes every new tensor a fake one; `device="cuda"` works."""
    with FakeTensorMode(), _WithoutGuards(), torch.inference_mode():
        yield


class _WithoutGuards(TorchFunctionMode):
    """Replaces the methods that first switch to the device, which does not exist, by their operators."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.__getitem__:
            return _taken(args[0], args[1])
        if func is Tensor.__setitem__:
            target, value = _taken(args[0], args[1]), args[2]
            return _copied(target, value) if isinstance(value, Tensor) else aten.fill_(target, value)
        if func is Tensor.copy_:
            return _copied(args[0], args[1])
        if func is Tensor.contiguous:
            return args[0] if args[0].is_contiguous() else aten.clone(args[0], memory_format=torch.contiguous_format)
        if func is Tensor.to:
            return _moved(args[0], *args[1:], **kwargs)
        if func in (Tensor.cpu, Tensor.float, Tensor.double, Tensor.long):
            return _moved(args[0], _TARGETS[func])
        if func in (torch.conv1d, torch.conv_transpose1d):
            return _convolved(func, *args, **kwargs)
        return func(*args, **kwargs)


_TARGETS: dict[Any, Any] = {
    Tensor.cpu: torch.device("cpu"),
    Tensor.float: torch.float32,
    Tensor.double: torch.float64,
    Tensor.long: torch.int64,
}


def _moved(tensor: Tensor, *targets: Any, **_: Any) -> Tensor:
    """`Tensor.to`, for devices, types and tensors that have them."""
    device, dtype = tensor.device, tensor.dtype
    for one in targets:
        if isinstance(one, Tensor):
            device, dtype = one.device, one.dtype
        elif isinstance(one, torch.dtype):
            dtype = one
        elif isinstance(one, (str, torch.device)):
            device = torch.device(one)
    is_unchanged = device.type == tensor.device.type and dtype == tensor.dtype
    moved: Tensor = tensor if is_unchanged else aten._to_copy(tensor, device=device, dtype=dtype)
    return moved


def _convolved(func: Any, *args: Any, **kwargs: Any) -> Tensor:
    """A convolution's shape, computed with CPU tensors: torch would ask the device for a kernel."""
    tensors = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
    assert len({tensor.device for tensor in tensors}) == 1, "a convolution mixes devices"

    def aside(one: Any) -> Any:
        return torch.empty(one.shape, dtype=one.dtype, device="cpu") if isinstance(one, Tensor) else one

    found = func(*map(aside, args), **{name: aside(one) for name, one in kwargs.items()})
    return torch.empty(found.shape, dtype=found.dtype, device=tensors[0].device)


def _copied(target: Tensor, source: Tensor) -> Tensor:
    """`Tensor.copy_` for fake tensors: checks shapes and moves between devices."""
    aten.expand(_moved(source, target.device), list(target.shape))
    written: Tensor = aten.zero_(target)
    return written


def _taken(tensor: Tensor, index: Any) -> Tensor:
    parts = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in [part for part in parts if not isinstance(part, Tensor)]:
        position = next(position for position, part in enumerate(parts) if part is Ellipsis)
        named = sum(part is not None for part in parts) - 1
        parts[position : position + 1] = [slice(None)] * (tensor.dim() - named)
    dimension = 0
    for part in parts:
        if part is None:
            tensor = aten.unsqueeze(tensor, dimension)
        elif isinstance(part, slice):
            tensor = aten.slice(tensor, dimension, part.start, part.stop, part.step or 1)
        elif isinstance(part, int):
            tensor = aten.select(tensor, dimension, part)
            continue
        else:
            tensor = aten.index(tensor, [None] * dimension + [part])
        dimension += 1
    return tensor
