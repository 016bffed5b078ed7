"""Token sampling: guidance, temperature, top-k, seeded noise.

Noise depends on (seed, step) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resonance_model.config import CONDITIONAL, UNCONDITIONAL

# Frames ago between which a token of the first codebook counts as said (50 frames are a second).
NOVEL_FROM, NOVEL_TO = 8, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampling parameters of one take. Temperature 0 is greedy; top_k 0 keeps every token; `novelty` weighs `novelty_penalty`."""

    guidance_scale: float
    temperature: float
    top_k: int
    seed: int
    novelty: float = 0.0

    def kept_count(self, vocabulary_size: int) -> int:
        """Number of the vocabulary's tokens that top-k keeps."""
        return vocabulary_size if self.top_k == 0 else min(self.top_k, vocabulary_size)


def guided(conditional: Tensor, unconditional: Tensor, guidance_scale: Tensor | float) -> Tensor:
    """Classifier-free guidance on logits (Ho and Salimans 2022): u + s (c - u)."""
    return unconditional + (conditional - unconditional) * guidance_scale


def counter_noise(seed: int, step: int, count: int) -> Tensor:
    """Noise of one take at one step: `count` uniform numbers in [0, 1), float64.

    A counter-based generator (Philox 4x64, Salmon et al. 2011) is keyed by the seed and counted by the step. A take's noise thus
    depends neither on other takes nor on earlier draws, and resuming needs no state.
    """
    bits = np.random.Philox(key=seed, counter=[0, step, 0, 0])
    return torch.from_numpy(np.random.Generator(bits).random(count))


def novelty_penalty(said: NDArray[np.int64], weight: float, vocabulary_size: int) -> Tensor:
    """What is taken from the scores of tokens that were said a while ago: `weight` x log(1 + times), `[books, vocabulary]` float32.

    Music that stands says the same tokens of its first codebook over and over. The frames of the last NOVEL_FROM steps are not in `said`:
    a note must be able to sound on. Found by trial: docs/decisions/novelty.md.

    Args:
        said: `[books, steps]`, tokens of the first codebook of each channel; negative where there is none.
    """
    counts = np.stack([np.bincount(row[row >= 0], minlength=vocabulary_size) for row in said])
    return torch.from_numpy((weight * np.log1p(counts[:, :vocabulary_size])).astype(np.float32))


def sample_tokens(
    logits: Tensor, samplings: Sequence[Sampling], steps: Sequence[int], penalties: Sequence[Tensor | None] = ()
) -> Tensor:
    """Tokens of one step for several takes, guidance included. A take's tokens do not depend on the other takes.

    Args:
        logits: `[takes, branches, codebooks, vocabulary]`, float32 on the CPU.
        samplings: each take's sampling.
        steps: each take's own step; with the seed it keys the noise.
        penalties: each take's `novelty_penalty`, or None; empty where no take has one.

    Returns:
        Tokens `[takes, codebooks]`, by inversion of the distribution function.
    """
    scales = torch.tensor([sampling.guidance_scale for sampling in samplings])[:, None, None]
    scores = guided(logits[:, CONDITIONAL], logits[:, UNCONDITIONAL], scales)
    for score, penalty in zip(scores, penalties, strict=False):
        if penalty is not None:
            score[: len(penalty)] -= penalty
    counts = [0 if sampling.temperature == 0.0 else sampling.kept_count(logits.shape[-1]) for sampling in samplings]
    if len(set(counts)) == 1:
        return _draw(scores, counts[0], samplings, steps)
    tokens = torch.empty(scores.shape[:2], dtype=torch.long)
    for count in set(counts):
        alike = [index for index, other in enumerate(counts) if other == count]
        tokens[alike] = _draw(scores[alike], count, [samplings[one] for one in alike], [steps[one] for one in alike])
    return tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedSampling:
    """Sampling parameters of several takes as tensors on one device, for operations of fixed shapes.

    `guidance_scales` float32, `temperatures` float64 and `kept_counts` integer are `[takes]`. `noise` float64 is `[takes, codebooks]`,
    from `counter_noise` of each take's seed and step. `penalties` float32 is `[takes, books, vocabulary]` for the first books; None
    where no take can have one.
    """

    guidance_scales: Tensor
    temperatures: Tensor
    kept_counts: Tensor
    noise: Tensor
    penalties: Tensor | None = None


def sample_tokens_fixed_shape(logits: Tensor, sampling: BatchedSampling) -> Tensor:
    """Tokens as `sample_tokens` gives them, by operations whose shapes do not depend on the values, so that a graph can capture them.

    The noise is the same on every device, and the arithmetic after the logits is the same in float64 but for the order of sums. Between
    devices, and against `sample_tokens`, a token can differ in three cases: logits differ, two of them tie at the edge of a choice, or the
    noise falls within a rounding error of that edge.

    Args:
        logits: `[takes, branches, codebooks, vocabulary]`, float32.
        sampling: on the device of the logits.

    Returns:
        Tokens `[takes, codebooks]` on that device.
    """
    scores = guided(logits[:, CONDITIONAL], logits[:, UNCONDITIONAL], sampling.guidance_scales[:, None, None])
    if sampling.penalties is not None:
        scores[:, : sampling.penalties.shape[1]] -= sampling.penalties
    ordered, tokens = scores.sort(dim=-1, descending=True, stable=True)
    is_greedy = sampling.temperatures == 0.0
    heat = sampling.temperatures.masked_fill(is_greedy, 1.0)[:, None, None]
    kept = sampling.kept_counts[:, None, None]
    is_dropped = torch.arange(scores.shape[-1], device=scores.device) >= kept
    spread = (ordered.double() / heat).masked_fill(is_dropped, float("-inf"))
    cumulative = torch.softmax(spread, dim=-1).cumsum(dim=-1)
    ranks = torch.searchsorted(cumulative, sampling.noise[..., None] * cumulative[..., -1:], right=True)
    ranks = torch.minimum(ranks, kept - 1).masked_fill(is_greedy[:, None, None], 0)
    return tokens.gather(-1, ranks).squeeze(-1)


def _draw(scores: Tensor, kept_count: int, samplings: Sequence[Sampling], steps: Sequence[int]) -> Tensor:
    """Tokens of takes that keep equally many candidates; 0 is greedy."""
    if kept_count == 0:
        return scores.argmax(dim=-1)
    best, tokens = torch.topk(scores, kept_count, dim=-1)
    temperatures = torch.tensor([sampling.temperature for sampling in samplings], dtype=torch.float64)
    cumulative = torch.softmax(best.double() / temperatures[:, None, None], dim=-1).cumsum(dim=-1)
    noise = torch.stack(
        [counter_noise(one.seed, step, scores.shape[1]) for one, step in zip(samplings, steps, strict=True)]
    )
    ranks = torch.searchsorted(cumulative, noise[..., None] * cumulative[..., -1:], right=True)
    return tokens.gather(-1, ranks.clamp_(max=kept_count - 1)).squeeze(-1)
