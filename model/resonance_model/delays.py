"""The delay pattern: at step p, codebook k speaks of frame p - k (MusicGen, Copet et al. 2023, section 2.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def step_count_of(frame_count: int, codebook_count: int) -> int:
    """Decoder steps that make so many whole frames: the last codebook ends `codebook_count - 1` steps late."""
    return frame_count + codebook_count - 1


def delayed_inputs(codes: Tensor, *, start_token: int, step_count: int) -> Tensor:
    """What the decoder reads at steps 0..step_count-1 when `codes` is what was said so far.

    Args:
        codes: `[codebooks, frames]`, integer.
        start_token: fills the corners before a codebook's first frame and after its last.
        step_count: number of steps, counted from the step that reads only start tokens.

    Returns:
        `[codebooks, step_count]`: codebook k at step p is frame p - 1 - k.
    """
    codebook_count, frame_count = codes.shape
    inputs = torch.full((codebook_count, step_count), start_token, dtype=codes.dtype, device=codes.device)
    for codebook in range(codebook_count):
        first = 1 + codebook
        count = max(0, min(frame_count, step_count - first))
        inputs[codebook, first : first + count] = codes[codebook, :count]
    return inputs


def undelayed(steps: Tensor, *, frame_count: int) -> Tensor:
    """The frames said in `steps` `[codebooks, steps]`, where column p is the output of step p: `[codebooks, frames]`."""
    codebook_count = steps.shape[0]
    return torch.stack([steps[codebook, codebook : codebook + frame_count] for codebook in range(codebook_count)])
