"""Hearing a clip: codec tokens through the decoder at once, under one text, with per-layer statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence, advance
from resonance_model.delays import codebook_delay, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationRecorder, ActivationStats

NEUTRAL_PROMPT = "music"


@torch.inference_mode()
def read_clip(model: LoadedModel, samples: Tensor, *, prompt: str = NEUTRAL_PROMPT) -> ActivationStats:
    """What the layers say of a clip, mono `[samples]` at the model's rate: a teacher-forced pass, nothing is generated."""
    return read_codes(model, model.codec.encode(samples), prompt=prompt)


@torch.inference_mode()
def read_codes(model: LoadedModel, codes: Tensor, *, prompt: str = NEUTRAL_PROMPT) -> ActivationStats:
    """What the layers say of codes `[codebooks, frames]` under the prompt; the conditional row alone."""
    recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    conditioning = model.decoder.condition([(model.encode_text([prompt])[0], 1.0)])
    slot = CacheSlot(model.config, conditioning, recorder=recorder, branch_count=1)
    steps = codes.shape[1] + model.config.delay_max
    inputs = delayed_inputs(
        codes.to(model.decoder.device),
        start_token=model.config.start_token,
        step_count=steps,
        channel_count=model.config.channel_count,
    )
    model.decoder.read(slot, inputs)
    return recorder.stats()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingScore:
    """What the unsteered model makes of a rendering: its layers' statistics, the mean log-probability (nats) of its tokens under its own
    prompt, and `ratio`, how much likelier (nats a token) the positive prompts of some pairs make them than the negative ones."""

    stats: ActivationStats
    log_likelihood: float
    ratio: float


@torch.inference_mode()
def score_rendering(
    model: LoadedModel, samples: Tensor, *, prompt: str, pairs: Sequence[tuple[str, str]] = ()
) -> RenderingScore:
    """Encodes a rendering, mono `[samples]` at the model's rate, once more and reads it under its prompt, and under both prompts of each
    pair: the model as a judge of its own words (a generative classifier, as in Li et al. 2023, "Your diffusion model is secretly a
    zero-shot classifier")."""
    codes = model.codec.encode(samples)
    stats, log_likelihood = score_codes(model, codes, prompt=prompt)
    ratios = [
        score_codes(model, codes, prompt=more)[1] - score_codes(model, codes, prompt=less)[1] for more, less in pairs
    ]
    ratio = sum(ratios) / len(ratios) if ratios else 0.0
    return RenderingScore(stats=stats, log_likelihood=log_likelihood, ratio=ratio)


@torch.inference_mode()
def score_codes(model: LoadedModel, codes: Tensor, *, prompt: str) -> tuple[ActivationStats, float]:
    """What the unsteered model makes of codes `[codebooks, frames]`: its layers' statistics, and the mean log-probability (nats) of the
    tokens under the prompt and without guidance."""
    codes = codes.to(model.decoder.device)
    recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    conditioning = model.decoder.condition([(model.encode_text([prompt])[0], 1.0)])
    slot = CacheSlot(model.config, conditioning, recorder=recorder, branch_count=1)
    books, frames = codes.shape
    config = model.config
    inputs = delayed_inputs(
        codes,
        start_token=config.start_token,
        step_count=frames + config.delay_max,
        channel_count=config.channel_count,
    )
    logits = model.decoder.read(slot, inputs, with_logits=True)
    assert logits is not None
    scores = logits[0].log_softmax(dim=-1)  # [steps, codebooks, vocabulary]
    told = [
        scores[delay : delay + frames, book].gather(1, codes[book][:, None]).mean()
        for book, delay in enumerate(codebook_delay(book, config.channel_count) for book in range(books))
    ]
    return recorder.stats(), float(torch.stack(told).mean())


@torch.inference_mode()
def generate_and_read(
    model: LoadedModel, prompts: list[str], *, frame_count: int, seed: int
) -> list[tuple[Tensor, ActivationStats]]:
    """Generates one take per prompt in one batch; returns each take's codes and what its layers said meanwhile."""
    sequences, recorders = [], []
    for index, states in enumerate(model.encode_text(prompts)):
        recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
        slot = CacheSlot(model.config, model.decoder.condition([(states, 1.0)]), recorder=recorder)
        sampling = Sampling(
            guidance_scale=model.description.sampling.guidance_scale,
            temperature=model.description.sampling.temperature,
            top_k=model.description.sampling.top_k,
            seed=seed + index,
        )
        steps = frame_count + model.config.delay_max
        sequences.append(
            TokenSequence(model.decoder, slot, sampling, frame_count=frame_count, window_steps=steps, context_frames=0)
        )
        recorders.append(recorder)
    while not sequences[0].is_finished:
        advance(model.decoder, sequences)
    return [
        (sequence.frames(0, frame_count), recorder.stats())
        for sequence, recorder in zip(sequences, recorders, strict=True)
    ]
