"""Token sequences and whole takes for the model's tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel

PROMPTS = ("calm piano music", "fast energetic rock with drums and deep bass", "jazz", "ambient synth for sleep")


@contextmanager
def captured_library_codes(model: LoadedModel) -> Iterator[list[Tensor]]:
    """Codes `[books, frames]` that transformers' `generate` passes to its codec, one entry per channel."""
    found: list[Tensor] = []
    codec = model.library.audio_encoder
    decode = codec.decode

    def keep(audio_codes: Tensor, *args: Any, **kwargs: Any) -> Any:
        found.append(audio_codes[0, 0])
        return decode(audio_codes, *args, **kwargs)

    codec.decode = keep
    try:
        yield found
    finally:
        del codec.decode


def build_sequence(
    model: LoadedModel,
    prompt: str,
    *,
    frame_count: int | None,
    temperature: float = 0.0,
    seed: int = 1,
    novelty: float = 0.0,
    steering: Tensor | None = None,
    window_steps: int = 1504,
    context_frames: int = 750,
    context_slack: int = 0,
    anchor_frames: int = 0,
    melody: Tensor | None = None,
) -> TokenSequence:
    """A sequence with MusicGen's usual guidance; greedy unless a temperature is given."""
    conditioning = model.decoder.condition([(model.encode_text([prompt])[0], 1.0)], melody)
    sampling = Sampling(guidance_scale=3.0, temperature=temperature, top_k=20, seed=seed, novelty=novelty)
    return TokenSequence(
        model.decoder,
        CacheSlot(model.config, conditioning, steering=steering),
        sampling,
        frame_count=frame_count,
        window_steps=window_steps,
        context_frames=context_frames,
        context_slack=context_slack,
        anchor_frames=anchor_frames,
    )


def record_read_sizes(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Position counts of the decoder's later readings, in order, the prefix included."""
    read, sizes = model.decoder.read_states, []

    def counted(slot: CacheSlot, embedded: Tensor, **options: Any) -> Tensor:
        sizes.append(embedded.shape[1])
        return read(slot, embedded, **options)

    monkeypatch.setattr(model.decoder, "read_states", counted)
    return sizes


def codes_alone(model: LoadedModel, prompt: str, **options: Any) -> Tensor:
    """Codes of the take without other takes."""
    sequence = build_sequence(model, prompt, **options)
    run(model, [sequence])
    return sequence.frames(0, options["frame_count"])


def run(
    model: LoadedModel,
    sequences: Sequence[TokenSequence],
    joins: Sequence[int] | None = None,
    static_batch: StaticBatch | None = None,
) -> None:
    """Runs sequences together, in the static batch if given; sequence i joins at step joins[i] and leaves when it is finished."""
    joins = joins or [0] * len(sequences)
    with torch.inference_mode():
        step = 0
        while not all(sequence.is_finished for sequence in sequences):
            present = [
                sequence
                for sequence, join in zip(sequences, joins, strict=True)
                if join <= step and not sequence.is_finished
            ]
            if static_batch is not None:
                static_batch.assign([sequence.slot for sequence in present])
            if present:
                advance(model.decoder, present, static_batch)
            step += 1
