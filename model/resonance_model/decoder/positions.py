"""Sinusoidal positions: cosines beside sines (tensor2tensor layout).

MusicGen was trained with this layout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal_positions(count: int, size: int) -> Tensor:
    """`[count, size]` float32; position p, column i < size/2 is cos(p * 10000^(-i / (size/2 - 1))), then the sines."""
    half = size // 2
    rates = torch.exp(torch.arange(half, dtype=torch.int64).float() * -(math.log(10000) / (half - 1)))
    angles = torch.arange(count, dtype=torch.int64).float()[:, None] * rates[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
