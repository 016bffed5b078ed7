"""Codec work: our stream against one library decode, and against a streamer that decodes its whole prefix for every chunk."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.arms import interleaved, ratio
from resonance_model.loaded import LoadedModel

SECONDS, CHUNK_FRAMES = 30, 25


def measure(model: LoadedModel, *, rounds: int) -> dict[str, Any]:
    """30 seconds of codes, in chunks of 500 ms."""
    frames = SECONDS * model.facts.frame_rate_hz
    codes = torch.randint(0, model.shape.vocabulary_size, (model.shape.codebook_count, frames))
    timings = interleaved(
        {
            "codec_stream": lambda: _stream(model, codes),
            "codec_library_once": lambda: _once(model, codes),
        },
        rounds=rounds,
    )
    prefix = interleaved(
        {"codec_prefix_redecode": lambda: _prefix(model, codes)}, rounds=max(1, rounds // 3), warmups=0
    )
    return {
        "arms": {name: timing.as_json() for name, timing in (timings | prefix).items()},
        "ratios": {
            "codec_work_vs_one_library_decode": ratio(timings["codec_stream"], timings["codec_library_once"]),
            "codec_work_vs_prefix_redecode": prefix["codec_prefix_redecode"].median_s
            / timings["codec_stream"].median_s,
        },
    }


def _stream(model: LoadedModel, codes: Tensor) -> None:
    stream = model.codec.open_stream()
    for start in range(0, codes.shape[1], CHUNK_FRAMES):
        stream.push(codes[:, start : start + CHUNK_FRAMES])
    stream.finish()


@torch.inference_mode()
def _once(model: LoadedModel, codes: Tensor) -> None:
    model.library.audio_encoder.decode(codes[None, None], [None])


def _prefix(model: LoadedModel, codes: Tensor) -> None:
    """What the popular streamer does: at every chunk, decode all that has been said."""
    for end in range(CHUNK_FRAMES, codes.shape[1] + 1, CHUNK_FRAMES):
        _once(model, codes[:, :end])
