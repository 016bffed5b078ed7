"""Choosing tokens: guidance, temperature, top-k, and noise that depends on nothing but (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resonance_model.config import CONDITIONAL, UNCONDITIONAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one row is sampled. Temperature 0 is greedy; top_k 0 keeps every token."""

    guidance_scale: float
    temperature: float
    top_k: int
    seed: int

    def kept_count(self, vocabulary_size: int) -> int:
        """How many of the vocabulary's tokens stay in the choice."""
        return vocabulary_size if self.top_k == 0 else min(self.top_k, vocabulary_size)


def guided(conditional: Tensor, unconditional: Tensor, guidance_scale: Tensor | float) -> Tensor:
    """Classifier-free guidance on logits (Ho and Salimans 2022): u + s (c - u)."""
    return unconditional + (conditional - unconditional) * guidance_scale


def counter_noise(seed: int, step: int, count: int) -> Tensor:
    """`count` uniform numbers in [0, 1) for one row at one step, float64.

    They come from a counter-based generator (Philox 4x64, Salmon et al. 2011) keyed by the seed and counted by the step, so that a
    row's noise depends neither on its neighbours nor on what was drawn before: resuming needs no state.
    """
    bits = np.random.Philox(key=seed, counter=[0, step, 0, 0])
    return torch.from_numpy(np.random.Generator(bits).random(count))


def choose(logits: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]) -> Tensor:
    """One step's tokens for several takes, guidance included; a take's tokens do not depend on its company.

    Args:
        logits: `[takes, rows, codebooks, vocabulary]`, float32 on the CPU; rows are conditional and unconditional.
        samplings: how each take is sampled.
        steps: each take's own step; with the seed it keys the noise.

    Returns:
        Tokens `[takes, codebooks]`, by inversion of the distribution function.
    """
    scales = torch.tensor([sampling.guidance_scale for sampling in samplings])[:, None, None]
    scores = guided(logits[:, CONDITIONAL], logits[:, UNCONDITIONAL], scales)
    kinds = [0 if sampling.temperature == 0.0 else sampling.kept_count(logits.shape[-1]) for sampling in samplings]
    if len(set(kinds)) == 1:
        return _chosen(scores, kinds[0], samplings, steps)
    tokens = torch.empty(scores.shape[:2], dtype=torch.long)
    for kind in set(kinds):
        places = [place for place, other in enumerate(kinds) if other == kind]
        tokens[places] = _chosen(
            scores[places], kind, [samplings[place] for place in places], [steps[place] for place in places]
        )
    return tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSampling:
    """How rows are sampled in buffers of a fixed shape: everything that `Sampling` says, as tensors on one device.

    `guidance_scales` float32, `temperatures` float64 and `kept_counts` integer are `[takes]`; `noise` float64 is `[takes, codebooks]`,
    `counter_noise` each take's seed and step.
    """

    guidance_scales: Tensor
    temperatures: Tensor
    kept_counts: Tensor
    noise: Tensor


def choose_fixed(logits: Tensor, sampling: FixedSampling) -> Tensor:
    """What `choose` chooses, by operations whose shapes depend on nothing that is sampled: they can be recorded and replayed.

    The noise is the same on every device, and the arithmetic after the logits is the same in float64 but for the order of sums: between
    devices, and against `choose`, a token can differ only where logits do, where two of them tie at a choice's edge, or where the noise
    falls within a rounding error of one.

    Args:
        logits: `[takes, rows, codebooks, vocabulary]`, float32; rows are conditional and unconditional.
        sampling: on the device of the logits.

    Returns:
        Tokens `[takes, codebooks]` on that device.
    """
    scores = guided(logits[:, CONDITIONAL], logits[:, UNCONDITIONAL], sampling.guidance_scales[:, None, None])
    ordered, tokens = scores.sort(dim=-1, descending=True, stable=True)
    is_greedy = sampling.temperatures == 0.0
    heat = sampling.temperatures.masked_fill(is_greedy, 1.0)[:, None, None]
    ranks = torch.arange(scores.shape[-1], device=scores.device)
    kept = sampling.kept_counts[:, None, None]
    spread = (ordered.double() / heat).masked_fill(ranks >= kept, float("-inf"))
    cumulative = torch.softmax(spread, dim=-1).cumsum(dim=-1)
    places = torch.searchsorted(cumulative, sampling.noise[..., None] * cumulative[..., -1:], right=True)
    places = torch.minimum(places, kept - 1).masked_fill(is_greedy[:, None, None], 0)
    return tokens.gather(-1, places).squeeze(-1)


def _chosen(scores: Tensor, kept_count: int, samplings: Sequence[Sampling], steps: Sequence[int]) -> Tensor:
    """Tokens of takes that keep equally many candidates; none for the best alone."""
    if kept_count == 0:
        return scores.argmax(dim=-1)
    best, tokens = torch.topk(scores, kept_count, dim=-1)
    temperatures = torch.tensor([sampling.temperature for sampling in samplings], dtype=torch.float64)
    cumulative = torch.softmax(best.double() / temperatures[:, None, None], dim=-1).cumsum(dim=-1)
    noise = torch.stack(
        [counter_noise(one.seed, step, scores.shape[1]) for one, step in zip(samplings, steps, strict=True)]
    )
    places = torch.searchsorted(cumulative, noise[..., None] * cumulative[..., -1:], right=True)
    return tokens.gather(-1, places.clamp_(max=kept_count - 1)).squeeze(-1)
