"""Quality of int8 against fp32: token likelihood, Frechet distance.

Both are measured on the embedded model: likelihood of tokens, distance of clips.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from model.training.listener import features
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.steering.sizes import PROMPTS
from resonance_extract.calibration.frechet import frechet_ratio
from resonance_model.activations import generate_and_read, score_codes
from resonance_model.loaded_model import LoadedModel

CLIP_S, PER_BATCH = 5.0, 8
SEEDS = (0, 10_000, 20_000)
Takes = list[tuple[str, Tensor]]


def measure(exact: LoadedModel, int8: LoadedModel, *, batches: int) -> dict[str, Any]:
    """Compares `batches` batches of eight takes by each model from the same prompts and seeds, twice over.

    The exact model makes as many from further seeds. Likelihood: fp32's own takes, teacher-forced under their prompts, in nats a token.
    Distance: takes against fp32's from other seeds, over that of fp32's takes from the same seeds, along the principal directions of
    spectral and rhythmic features. With 64 takes a single ratio lies anywhere between 0.6 and 1.7 by chance. The result is therefore
    the geometric mean over every ordering of three sets, beside the same mean of fp32's takes alone.
    """
    takes = {seed: _takes(exact, batches, seed=seed) for seed in SEEDS}
    clips = {seed: _clips(exact, found) for seed, found in takes.items()}
    coarse = {seed: _clips(exact, _takes(int8, batches, seed=seed)) for seed in SEEDS[:2]}
    likelihoods = {
        name: np.array([score_codes(model, codes, prompt=prompt)[1] for prompt, codes in takes[SEEDS[0]]])
        for name, model in (("fp32", exact), ("int8", int8))
    }
    ratios = [
        frechet_ratio(coarse[own], clips[own], clips[other])
        for own, other in itertools.product(SEEDS[:2], SEEDS)
        if own != other
    ]
    by_chance = [
        frechet_ratio(clips[one], clips[own], clips[other]) for one, own, other in itertools.permutations(SEEDS)
    ]
    return {
        "arms": {
            "precision": {
                "takes": len(takes[SEEDS[0]]),
                "log_likelihoods": {
                    name: [round(float(one), 4) for one in found] for name, found in likelihoods.items()
                },
                "frechet_ratios": {"int8": ratios, "fp32_by_chance": by_chance},
            }
        },
        "ratios": {
            "int8_likelihood_loss_nats": float(np.mean(likelihoods["fp32"] - likelihoods["int8"])),
            "int8_frechet_vs_fp32": float(np.exp(np.mean(np.log(ratios)))),
            "fp32_frechet_by_chance": float(np.exp(np.mean(np.log(by_chance)))),
        },
    }


def _takes(model: LoadedModel, batches: int, *, seed: int) -> Takes:
    frames = round(CLIP_S * model.description.frame_rate_hz)
    takes: Takes = []
    for batch in range(batches):
        prompts = [PROMPTS[(batch * PER_BATCH + place) % len(PROMPTS)] for place in range(PER_BATCH)]
        made = generate_and_read(model, prompts, frame_count=frames, seed=seed + batch * PER_BATCH)
        takes += [(prompt, codes) for prompt, (codes, _) in zip(prompts, made, strict=True)]
    return takes


def _clips(model: LoadedModel, takes: Takes) -> NDArray[np.float64]:
    """Features `[takes, features]` of the decoded takes."""
    sounds = (model.codec.open_stream().finish(codes)[0].float().numpy() for _, codes in takes)
    return np.array([features(np.clip(sound, -1.0, 1.0)) for sound in sounds], np.float64)
