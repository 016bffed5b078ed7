"""Matrix products in the precisions that we serve: exact floats, and int8 with one activation scale per row."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Below four rows the CPU's float products add up in another order. With at least four, a row's result is the same bits whatever
# the other rows are and however many: measured for every shape of the benchmark, held by test_products.py and test_decoder.py.
ROWS_MIN = 4
# From this many weights on, reading them takes longer than oneDNN's 20 microseconds of preparation.
_PACKED_MIN = 500_000


class Linear(Protocol):
    """`[..., in]` to `[..., out]` by a fixed matrix."""

    def __call__(self, rows: Tensor) -> Tensor:
        """The product with each row."""
        ...


class FloatLinear:
    """The product in the matrix's own type; `weight` is `[out, in]`."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._is_padded = weight.device.type == "cpu"

    def __call__(self, rows: Tensor) -> Tensor:
        padded = _at_least_four(rows) if self._is_padded else rows
        return F.linear(padded, self._weight) if padded is rows else F.linear(padded, self._weight)[: rows.shape[0]]


class PackedLinear:
    """The same by oneDNN, over a matrix that is laid out once: for a few rows 1.3 to 2.5 times faster than `F.linear` (measured)."""

    def __init__(self, weight: Tensor) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS_MIN)

    def __call__(self, rows: Tensor) -> Tensor:
        padded = _at_least_four(rows)
        # (rows, matrix, bias, what follows, its scalars, its algorithm)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(padded, self._packed, None, "none", [], "")
        return result if padded is rows else result[: rows.shape[0]]


def _at_least_four(rows: Tensor) -> Tensor:
    """`[n, in]` with rows of zeros below where n is under ROWS_MIN; the very same tensor otherwise."""
    missing = ROWS_MIN - rows.shape[0]
    return F.pad(rows, (0, 0, 0, missing)) if missing > 0 and rows.dim() == 2 else rows


class Int8Linear:
    """The product in 8-bit integers: symmetric, one scale per output of the matrix and one per row of activations.

    One activation scale for the whole batch, as in the usual dynamic quantisation, would let a row's neighbours change its
    result. With a scale per row, and integer sums, which are exact in any order, a row's result is the same bits in any
    company - and with either of the two kernels below.
    """

    def __init__(self, weight: Tensor) -> None:
        scale = weight.abs().amax(dim=1).clamp_min(1e-8) / 127.0
        quantised = (weight / scale[:, None]).round().to(torch.int8)
        self._is_packed = weight.device.type == "cpu" and weight.numel() >= _PACKED_MIN and _is_packing_exact()
        self._sums = _packed(quantised) if self._is_packed else _plain(quantised)
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


def _plain(quantised: Tensor) -> Callable[[Tensor], Tensor]:
    """Integer sums by torch's own product; the least overhead for small matrices. Takes whole numbers in floats."""
    by_columns = quantised.T.contiguous()
    return lambda rows: torch._int_mm(rows.to(torch.int8), by_columns)


def _packed(quantised: Tensor) -> Callable[[Tensor], Tensor]:
    """Integer sums by oneDNN over a matrix packed once: about half the time where reading the weights is what takes it.

    oneDNN multiplies unsigned rows, so the rows are moved by 128 and told to have their zero there.
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
def _is_packing_exact() -> bool:
    """Whether oneDNN's sums are there and exact on this processor: without 8-bit dot products its 16-bit ones saturate."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-127, 128, (4, 256), generator=generator).float()
    rows[0] = 127.0
    matrix = torch.randint(-127, 128, (64, 256), generator=generator).to(torch.int8)
    matrix[0], matrix[1] = 127, -127
    try:
        found = _packed(matrix)(rows.clone())
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.equal(found.double(), rows.double() @ matrix.double().T)


@functools.cache
def is_layout_known(dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN's product over a matrix laid out beforehand, and it is right and the same for a row in any company."""
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
    """The matrix as a product in `fp32`, `bf16`, `fp16` or, on a CPU, `int8`."""
    if precision == "int8":
        return Int8Linear(weight.float())
    return build_float_linear(weight.to(DTYPES[precision]).contiguous())


def build_float_linear(weight: Tensor) -> Linear:
    """The matrix `[out, in]` as a product in its own type, by the fastest kernel that keeps a row's bits in any company."""
    if weight.device.type == "cpu" and is_layout_known(weight.dtype):
        return PackedLinear(weight)
    return FloatLinear(weight)


# The type of everything besides the products: caches, norms, residuals.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
