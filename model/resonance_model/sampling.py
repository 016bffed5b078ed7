"""Choosing tokens: guidance, temperature, top-k, and noise that depends on nothing but (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one row is sampled. Temperature 0 is greedy; top_k 0 keeps every token."""

    guidance_scale: float
    temperature: float
    top_k: int
    seed: int


def guided(conditional: Tensor, unconditional: Tensor, guidance_scale: float) -> Tensor:
    """Classifier-free guidance on logits (Ho and Salimans 2022): u + s (c - u)."""
    return unconditional + (conditional - unconditional) * guidance_scale


def noise_of(seed: int, step: int, count: int) -> Tensor:
    """`count` uniform numbers in [0, 1) for one row at one step, float64.

    They come from a counter-based generator (Philox 4x64, Salmon et al. 2011) keyed by the seed and counted by the step, so that a
    row's noise depends neither on its neighbours nor on what was drawn before: resuming needs no state.
    """
    bits = np.random.Philox(key=seed, counter=[0, step, 0, 0])
    return torch.from_numpy(np.random.Generator(bits).random(count))


def choose(logits: Tensor, sampling: Sampling, step: int) -> Tensor:
    """Tokens `[codebooks]` from logits `[codebooks, vocabulary]` by inversion of the distribution function."""
    if sampling.temperature == 0.0:
        return logits.argmax(dim=-1)
    count = logits.shape[-1] if sampling.top_k == 0 else min(sampling.top_k, logits.shape[-1])
    kept, tokens = torch.topk(logits.double() / sampling.temperature, count, dim=-1)
    cumulative = torch.softmax(kept, dim=-1).cumsum(dim=-1)
    noise = noise_of(sampling.seed, step, logits.shape[0]).to(logits.device)
    places = torch.searchsorted(cumulative, noise[:, None] * cumulative[:, -1:], right=True)
    return tokens.gather(-1, places.clamp(max=count - 1)).squeeze(-1)
