"""Melody benchmark: cost per step, before the first, on changes.

The checkpoints have musicgen-small's shape.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tests.support.checkpoints import make_checkpoint
from torch import Tensor

from benchmarks.arms import Arm, interleaved, ratio
from benchmarks.models import SMALL
from benchmarks.steps import PROMPT, without_decoding
from resonance.settings import Settings
from resonance_model.chroma import CLASS_COUNT
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

# facebook/musicgen-melody puts 235 frames of melody before the music. Its own decoder is medium's; here it has small's shape, for
# comparison with the text model's figures.
MELODY = replace(SMALL, name="musicgen-melody-small-shape-1", melody_frames=235)
# Frames that a performance of five seconds holds when its melody changes.
_HELD = 250
_SLICE = 64


def measure(folder: Path, text_model: LoadedModel, *, rounds: int, frames: int) -> dict[str, Any]:
    """Times `frames` frames (and the delay's steps) of one take with a melody, the reading of its prefix, and a change of melody."""
    path = folder / MELODY.name
    if not path.exists():
        make_checkpoint(path, MELODY)
    model = load_model(Settings(model=str(path)), keep_library=True)
    pitches = F.one_hot(torch.randint(0, CLASS_COUNT, (MELODY.melody_frames,)), CLASS_COUNT).float()
    steps = frames + model.config.delay_max
    begun, text_begun, held = _start(model, pitches), _start(text_model, None), _start(model, pitches, _HELD)
    arms: dict[str, Arm] = {
        "hf_generate": lambda: _library(model, pitches, steps),
        "ours": lambda: _steps(_start(model, pitches), model, steps),
        "steps": lambda: _steps(begun, model, steps),
        "text_steps": lambda: _steps(text_begun, text_model, steps),
        "prefix": lambda: _start(model, pitches),
        "change": lambda: _change(held, model, pitches),
    }
    timings = interleaved(arms, rounds=rounds)
    step = {name: steps * ratio(timings[name], timings["steps"]) for name in ("prefix", "change")}
    return {
        "arms": {f"melody_small_{name}_{frames}_frames": timing.as_json() for name, timing in timings.items()},
        "ratios": {
            "melody_small_fp32_vs_hf_fp32": ratio(timings["hf_generate"], timings["ours"]),
            "melody_small_step_vs_text_step": ratio(timings["steps"], timings["text_steps"]),
            "melody_small_prefix_in_steps": step["prefix"],
            "melody_small_change_in_steps": step["change"],
        },
    }


def _conditioning(model: LoadedModel, pitches: Tensor | None) -> Conditioning:
    return model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)], pitches)


@torch.inference_mode()
def _start(model: LoadedModel, pitches: Tensor | None, held: int = 0) -> TokenSequence:
    """A sequence whose prefix is read, after `held` frames."""
    sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=250, seed=1)
    slot = CacheSlot(model.config, _conditioning(model, pitches))
    sequence = TokenSequence(model.decoder, slot, sampling, frame_count=None, window_steps=1504, context_frames=750)
    _prefill(sequence)
    for _ in range(held):
        advance(model.decoder, [sequence])
    return sequence


@torch.inference_mode()
def _steps(sequence: TokenSequence, model: LoadedModel, steps: int) -> None:
    for _ in range(steps):
        advance(model.decoder, [sequence])


@torch.inference_mode()
def _change(sequence: TokenSequence, model: LoadedModel, pitches: Tensor) -> None:
    """Changes the melody: a new prefix, and the music so far read again behind it."""
    sequence.set_conditioning(_conditioning(model, pitches.roll(1, dims=1)))
    _prefill(sequence)


@torch.inference_mode()
def _prefill(sequence: TokenSequence) -> None:
    while sequence.needs_prefill:
        sequence.prefill(_SLICE)


@torch.inference_mode()
def _library(model: LoadedModel, pitches: Tensor, steps: int) -> None:
    tokens = model.encode_text.tokenizer([PROMPT], return_tensors="pt")  # type: ignore[attr-defined]
    with without_decoding(model):
        model.library.generate(
            **tokens,
            input_features=pitches[None],
            do_sample=True,
            top_k=250,
            guidance_scale=3.0,
            max_new_tokens=steps,
        )
