"""What int8 costs in quality, on the embedded model: the likelihood of tokens, and the Frechet distance of clips, both against fp32."""

from __future__ import annotations

from typing import Any

import numpy as np
from model.training.listener import features
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.steering.sizes import PROMPTS
from resonance_extract.frechet import frechet_ratio
from resonance_model.listen import judge_codes, render_and_hear
from resonance_model.loaded import LoadedModel

CLIP_S, PER_BATCH = 5.0, 8
Takes = list[tuple[str, Tensor]]


def measure(exact: LoadedModel, int8: LoadedModel, *, batches: int) -> dict[str, Any]:
    """`batches` batches of eight takes by each model from the same prompts and seeds, and as many by the exact one from other seeds.

    Likelihood: fp32's own takes, teacher-forced under their prompts, in nats a token. Distance: each set against fp32's takes from other
    seeds, in the principal directions of spectral and rhythmic features; their quotient is 1 where int8 is no further from fp32 than fp32
    is from itself.
    """
    own, others = _takes(exact, batches, seed=0), _takes(exact, batches, seed=10_000)
    coarse = _takes(int8, batches, seed=0)
    likelihoods = {
        name: np.array([judge_codes(model, codes, prompt=prompt)[1] for prompt, codes in own])
        for name, model in (("fp32", exact), ("int8", int8))
    }
    clips = {name: _clips(exact, takes) for name, takes in (("fp32", own), ("int8", coarse), ("other_seeds", others))}
    return {
        "arms": {
            "precision": {
                "takes": len(own),
                "log_likelihoods": {
                    name: [round(float(one), 4) for one in found] for name, found in likelihoods.items()
                },
            }
        },
        "ratios": {
            "int8_likelihood_loss_nats": float(np.mean(likelihoods["fp32"] - likelihoods["int8"])),
            "int8_frechet_vs_fp32": frechet_ratio(clips["int8"], clips["fp32"], clips["other_seeds"]),
        },
    }


def _takes(model: LoadedModel, batches: int, *, seed: int) -> Takes:
    frames = round(CLIP_S * model.facts.frame_rate_hz)
    takes: Takes = []
    for batch in range(batches):
        prompts = [PROMPTS[(batch * PER_BATCH + place) % len(PROMPTS)] for place in range(PER_BATCH)]
        made = render_and_hear(model, prompts, frame_count=frames, seed=seed + batch * PER_BATCH)
        takes += [(prompt, codes) for prompt, (codes, _) in zip(prompts, made, strict=True)]
    return takes


def _clips(model: LoadedModel, takes: Takes) -> NDArray[np.float64]:
    """Features `[takes, features]` of the decoded takes."""
    sounds = (model.codec.open_stream().finish(codes)[0].float().numpy() for _, codes in takes)
    return np.array([features(np.clip(sound, -1.0, 1.0)) for sound in sounds], np.float64)
