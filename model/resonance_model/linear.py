"""Bias-free linear layers in served precisions: floats and int8.

int8 has one activation scale per row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Below four rows the CPU's float products add up in another order. With at least four, a row's result is the same bits whatever the
# other rows are and however many: measured for every shape of the benchmark, held by test_linear.py and test_decoder.py.
ROWS_MIN = 4
# With more weights than this, reading them takes longer than oneDNN's 20 microseconds of preparation.
_PACKED_MIN = 500_000


class Linear(Protocol):
    """Linear layer without bias: `[..., in]` to `[..., out]`."""

    def __call__(self, rows: Tensor) -> Tensor:
        """The matrix applied to each row."""
        ...


class FloatLinear:
    """Linear layer in the matrix's own type, by torch's kernels; `weight` is `[out, in]`."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._is_padded = weight.device.type == "cpu"

    def __call__(self, rows: Tensor) -> Tensor:
        padded = _at_least_four(rows) if self._is_padded else rows
        return F.linear(padded, self._weight) if padded is rows else F.linear(padded, self._weight)[: rows.shape[0]]


class PackedLinear:
    """Linear layer by oneDNN over a matrix packed once: for a few rows 1.3 to 2.5 times faster than `F.linear` (measured)."""

    def __init__(self, weight: Tensor) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS_MIN)

    def __call__(self, rows: Tensor) -> Tensor:
        padded = _at_least_four(rows)
        # (rows, matrix, bias, what follows, its scalars, its algorithm)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(padded, self._packed, None, "none", [], "")
        return result if padded is rows else result[: rows.shape[0]]


def _at_least_four(rows: Tensor) -> Tensor:
    """`[n, in]` padded with rows of zeros up to ROWS_MIN; the same tensor where n is large enough."""
    missing = ROWS_MIN - rows.shape[0]
    return F.pad(rows, (0, 0, 0, missing)) if missing > 0 and rows.dim() == 2 else rows


class Int8Linear:
    """Linear layer in 8-bit integers: symmetric, one scale per output of the matrix and one per row of activations.

    One activation scale for the whole batch, as in the usual dynamic quantisation, would let other rows change a row's result. With a
    scale per row, and integer sums, which are exact in any order, a row's result is the same bits beside any other rows, and with
    either of the two kernels below.
    """

    def __init__(self, weight: Tensor) -> None:
        scale = weight.abs().amax(dim=1).clamp_min(1e-8) / 127.0
        quantised = (weight / scale[:, None]).round().to(torch.int8)
        self._is_packed = weight.device.type == "cpu" and weight.numel() >= _PACKED_MIN and is_int8_packing_exact()
        self._sums = onednn_int8_product(quantised) if self._is_packed else torch_int8_product(quantised)
        self._scale = scale.float() / 127.0
        self._zero = torch.zeros((), device=weight.device)

    def __call__(self, rows: Tensor) -> Tensor:
        # oneDNN takes no longer for four rows than for one, and often less.
        padded = _at_least_four(rows) if self._is_packed else rows
        flat = padded.reshape(-1, rows.shape[-1])
        largest = flat.abs().amax(dim=1, keepdim=True).clamp_min_(1e-8)
        quantised = torch.addcdiv(self._zero, flat, largest, value=127.0).round_()
        products = (self._sums(quantised) * largest).mul_(self._scale).view(*padded.shape[:-1], -1)
        return products if padded is rows else products[: rows.shape[0]]


def torch_int8_product(quantised: Tensor) -> Callable[[Tensor], Tensor]:
    """Integer product by torch, with the least overhead for small matrices. Its argument holds whole numbers as floats."""
    by_columns = quantised.T.contiguous()
    return lambda rows: torch._int_mm(rows.to(torch.int8), by_columns)


def onednn_int8_product(quantised: Tensor) -> Callable[[Tensor], Tensor]:
    """Integer product by oneDNN over a matrix packed once: about half the time where reading the weights takes most of it.

    oneDNN multiplies unsigned rows: the rows are shifted by 128, which is passed as their zero point.
    """
    packed = torch.ops.onednn.qlinear_prepack(quantised, None)
    ones = torch.ones(len(quantised))
    zeros = torch.zeros(len(quantised), dtype=torch.long)

    def sums(rows: Tensor) -> Tensor:
        shifted = rows.add_(128.0).to(torch.uint8)
        # (x, its scale, its zero, matrix, its scales, its zeros, bias, out's scale, out's zero, out's type, what follows)
        result: Tensor = torch.ops.onednn.qlinear_pointwise(
            shifted, 1.0, 128, packed, ones, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return result

    return sums


@functools.cache
def is_int8_packing_exact() -> bool:
    """True where oneDNN's integer product exists and is exact. On processors without 8-bit dot products its 16-bit sums saturate."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-127, 128, (4, 256), generator=generator).float()
    rows[0] = 127.0
    matrix = torch.randint(-127, 128, (64, 256), generator=generator).to(torch.int8)
    matrix[0], matrix[1] = 127, -127
    try:
        found = onednn_int8_product(matrix)(rows.clone())
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.equal(found.double(), rows.double() @ matrix.double().T)


@functools.cache
def is_packing_supported(dtype: torch.dtype) -> bool:
    """True where this torch has oneDNN's product over a packed matrix, and it is right and the same for a row beside any other rows."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(24, 256, generator=generator).to(dtype)
    weight = torch.randn(64, 256, generator=generator).to(dtype)
    try:
        product = PackedLinear(weight)
        found = product(rows)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    is_same = all(torch.equal(product(rows[:count].contiguous()), found[:count]) for count in (1, 2, 4, 7, 16))
    return is_same and torch.allclose(found.float(), (rows.double() @ weight.double().T).float(), rtol=2e-2, atol=2e-2)


def build_linear(weight: Tensor, precision: str) -> Linear:
    """Linear layer of a matrix `[out, in]` in `fp32`, `bf16`, `fp16` or, on a CPU, `int8`."""
    if precision == "int8":
        return Int8Linear(weight.float())
    return build_float_linear(weight.to(DTYPES[precision]).contiguous())


def build_float_linear(weight: Tensor) -> Linear:
    """Linear layer of a matrix `[out, in]` in its own type, by the fastest kernel that keeps a row's bits beside any other rows."""
    if weight.device.type == "cpu" and is_packing_supported(weight.dtype):
        return PackedLinear(weight)
    return FloatLinear(weight)


# Type of everything but the matrix products: caches, norms, residuals.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
