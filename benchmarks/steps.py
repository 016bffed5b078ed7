"""Decoder step benchmark: alone, batched, steered, against transformers' `generate`.

A batch has eight takes. The steps are also compared with the bare matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmarks.arms import Arm, interleaved, ratio
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel

PROMPT = "calm piano music with drums and bass"


def measure(model: LoadedModel, int8_model: LoadedModel, shape: str, *, rounds: int, frames: int) -> dict[str, Any]:
    """Times `frames` frames (and the delay's steps) of one take in every arm; arms of eight make eight takes.

    `int8_model` is the same model in int8.
    """
    steps = frames + model.config.codebook_count - 1
    arms: dict[str, Arm] = {
        "hf_generate": lambda: generate_by_library(model, steps),
        "hf_generate_static_cache": lambda: generate_by_library(model, steps, cache_implementation="static"),
        "ours": lambda: _ours(model, frames, count=1),
        "ours_8": lambda: _ours(model, frames, count=8),
        "ours_8_steered": lambda: _ours(model, frames, count=8, is_steered=True),
        "ours_int8": lambda: _ours(int8_model, frames, count=1),
        "ours_int8_8": lambda: _ours(int8_model, frames, count=8),
        "floor": lambda: _floor(model, steps, rows=4),
    }
    timings = interleaved(arms, rounds=rounds)
    per = {"embedded": "embedded", "small": "small"}[shape]
    return {
        "arms": {f"{per}_{name}_{frames}_frames": timing.as_json() for name, timing in timings.items()},
        "ratios": {
            f"step_{per}_fp32_vs_hf_fp32": ratio(timings["hf_generate"], timings["ours"]),
            f"step_{per}_fp32_vs_hf_static_cache": ratio(timings["hf_generate_static_cache"], timings["ours"]),
            f"step_{per}_int8_vs_hf_fp32": ratio(timings["hf_generate"], timings["ours_int8"]),
            f"{per}_batch8_vs_1_int8": 8 * ratio(timings["ours_int8"], timings["ours_int8_8"]),
            f"{per}_batch8_vs_1_fp32": 8 * ratio(timings["ours"], timings["ours_8"]),
            f"{per}_steering_overhead": ratio(timings["ours_8_steered"], timings["ours_8"]),
            f"{per}_step_vs_floor": ratio(timings["ours"], timings["floor"]),
        }
        | (
            {
                "batch8_vs_1_fp32": 8 * ratio(timings["ours"], timings["ours_8"]),
                "batch8_vs_1_int8": 8 * ratio(timings["ours_int8"], timings["ours_int8_8"]),
            }
            if shape == "small"
            else {}
        )
        | ({"steering_overhead": ratio(timings["ours_8_steered"], timings["ours_8"])} if shape == "embedded" else {}),
    }


@torch.inference_mode()
def generate_by_library(model: LoadedModel, steps: int, **options: Any) -> None:
    """Steps of transformers' `generate` for one prompt, on its decoder's device, without decoding to sound."""
    tokens = model.encode_text.tokenizer([PROMPT], return_tensors="pt").to(model.library.decoder.device)  # type: ignore[attr-defined]
    with without_decoding(model):
        model.library.generate(**tokens, do_sample=True, top_k=250, guidance_scale=3.0, max_new_tokens=steps, **options)


@contextmanager
def without_decoding(model: LoadedModel) -> Iterator[None]:
    """Replaces the library's codec, which has a benchmark of its own."""
    codec = model.library.audio_encoder
    decode = codec.decode
    codec.decode = lambda audio_codes, *_args, **_kwargs: _Decoded(torch.zeros(1, 1, 1))
    try:
        yield
    finally:
        codec.decode = decode


class _Decoded:
    """Result of the replaced codec."""

    def __init__(self, audio_values: Tensor) -> None:
        self.audio_values = audio_values


@torch.inference_mode()
def _ours(model: LoadedModel, frames: int, *, count: int, is_steered: bool = False) -> None:
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    config, sequences = model.config, []
    for seed in range(count):
        steering = torch.randn(config.layer_count, 2, config.hidden_size) * 0.01 if is_steered else None
        sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=250, seed=seed)
        slot = CacheSlot(config, conditioning, steering=steering)
        sequences.append(
            TokenSequence(model.decoder, slot, sampling, frame_count=frames, window_steps=1504, context_frames=750)
        )
    while not sequences[0].is_finished:
        advance(model.decoder, sequences)


@torch.inference_mode()
def _floor(model: LoadedModel, steps: int, *, rows: int) -> None:
    """The matrix products of `steps` steps alone: no attention, no norms, no sampling."""
    weights = model.decoder.weights
    hidden = torch.randn(rows, model.config.hidden_size)
    inner = torch.randn(rows, model.config.feed_forward_size)
    for _ in range(steps):
        for layer in weights.layers:
            for product in (layer.self_qkv, layer.self_out, layer.cross.query, layer.cross.out, layer.feed_in):
                product(hidden)
            layer.feed_out(inner)
        weights.heads(hidden)
