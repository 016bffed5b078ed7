"""Delay pattern of codebooks (MusicGen, Copet et al. 2023).

The token of codebook k at step p belongs to frame p - delay(k) (section 2.2).

With one channel delay(k) is k. With two the codebooks of left and right alternate, and each pair shares a delay (section 2.4).
"""

from __future__ import annotations

import torch
from torch import Tensor


def codebook_delay(codebook: int, channel_count: int) -> int:
    """Steps by which a codebook lags the first one."""
    return codebook // channel_count


def count_steps(frame_count: int, codebook_count: int, channel_count: int = 1) -> int:
    """Decoder steps for so many whole frames: the last codebook ends its delay later than the first."""
    return frame_count + codebook_delay(codebook_count - 1, channel_count)


def delayed_inputs(codes: Tensor, *, start_token: int, step_count: int, channel_count: int = 1) -> Tensor:
    """Decoder inputs of steps 0..step_count-1 after the tokens `codes`.

    Args:
        codes: `[codebooks, frames]`, integer.
        start_token: fills the corners before a codebook's first frame and after its last.
        step_count: number of steps, counted from the step that reads only start tokens.
        channel_count: channels whose codebooks alternate.

    Returns:
        `[codebooks, step_count]`: codebook k at step p is frame p - 1 - delay(k).
    """
    codebook_count, frame_count = codes.shape
    inputs = torch.full((codebook_count, step_count), start_token, dtype=codes.dtype, device=codes.device)
    for codebook in range(codebook_count):
        first = 1 + codebook_delay(codebook, channel_count)
        count = max(0, min(frame_count, step_count - first))
        inputs[codebook, first : first + count] = codes[codebook, :count]
    return inputs
