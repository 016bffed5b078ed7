"""Codec benchmark: our stream, one library decode, a prefix streamer.

The prefix streamer decodes its whole prefix for every chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.arms import interleaved, ratio
from resonance_model.loaded_model import LoadedModel

SECONDS, CHUNK_FRAMES = 30, 25
_EVERY = 5


def measure(model: LoadedModel, shape: str, *, rounds: int) -> dict[str, Any]:
    """Times 30 seconds of codes in chunks of 500 ms.

    The peer is the library's codec as published; only ours has its weight norms folded. Work on the prefix is the sum over its chunks.
    It is timed at every fifth chunk, because it grows linearly.
    """
    from transformers import EncodecModel

    frames = SECONDS * model.description.frame_rate_hz
    codes = torch.randint(0, model.config.vocabulary_size, (model.config.codebook_count, frames))
    published = EncodecModel(model.library.config.audio_encoder).eval()
    timings = interleaved(
        {
            "codec_stream": lambda: _stream(model, codes),
            "codec_library_once": lambda: _once(published, codes),
        },
        rounds=rounds,
    )
    prefix = interleaved({"codec_prefix_redecode": lambda: _prefix(published, codes)}, rounds=1, warmups=0)
    name = "" if shape == "small" else f"{shape}_"
    return {
        "arms": {f"{shape}_{arm}": timing.as_json() for arm, timing in (timings | prefix).items()},
        "ratios": {
            f"{name}codec_work_vs_one_library_decode": ratio(timings["codec_stream"], timings["codec_library_once"]),
            f"{name}codec_work_vs_prefix_redecode": _EVERY
            * prefix["codec_prefix_redecode"].median_s
            / timings["codec_stream"].median_s,
        },
    }


def _stream(model: LoadedModel, codes: Tensor) -> None:
    stream = model.codec.open_stream()
    for start in range(0, codes.shape[1], CHUNK_FRAMES):
        stream.push(codes[:, start : start + CHUNK_FRAMES])
    stream.finish()


@torch.inference_mode()
def _once(codec: Any, codes: Tensor) -> None:
    codec.decode(codes[None, None], [None])


def _prefix(codec: Any, codes: Tensor) -> None:
    """The popular streamer: decodes all codes so far at every chunk. Times every fifth chunk, from the middle of the five."""
    for end in range(CHUNK_FRAMES * 3, codes.shape[1] + 1, CHUNK_FRAMES * _EVERY):
        _once(codec, codes[:, :end])
