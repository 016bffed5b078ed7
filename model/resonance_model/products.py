"""Matrix products in the precisions that we serve: exact floats, and int8 with one activation scale per row."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Product(Protocol):
    """`[..., in]` to `[..., out]` by a fixed matrix."""

    def __call__(self, rows: Tensor) -> Tensor:
        """The product with each row."""
        ...


class FloatProduct:
    """The product in the matrix's own type; `weight` is `[out, in]`."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight

    def __call__(self, rows: Tensor) -> Tensor:
        return F.linear(rows, self._weight)


class Int8Product:
    """The product in 8-bit integers: symmetric, one scale per output of the matrix and one per row of activations.

    One activation scale for the whole batch, as in the usual dynamic quantisation, would let a row's neighbours change its
    result. With a scale per row, and integer sums, which are exact in any order, a row's result is the same bits in any
    company.
    """

    def __init__(self, weight: Tensor) -> None:
        scale = weight.abs().amax(dim=1).clamp_min(1e-8) / 127.0
        self._scale = scale.float()
        self._weight = (weight / scale[:, None]).round().to(torch.int8).T.contiguous()

    def __call__(self, rows: Tensor) -> Tensor:
        flat = rows.reshape(-1, rows.shape[-1])
        scale = flat.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / 127.0
        sums = torch._int_mm((flat / scale).round().to(torch.int8), self._weight)
        return (sums.float() * scale * self._scale).view(*rows.shape[:-1], -1)


def product_of(weight: Tensor, precision: str) -> Product:
    """The matrix as a product in `fp32`, `bf16` or `int8`."""
    if precision == "int8":
        return Int8Product(weight.float())
    return FloatProduct(weight.to(DTYPES[precision]).contiguous())


# The type of everything besides the products: caches, norms, residuals.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}
