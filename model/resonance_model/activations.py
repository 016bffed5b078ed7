"""Activations of clips and takes, with statistics per layer.

Codec tokens pass through the decoder under one text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resonance.audio.loudness import loudness_lufs
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence, advance
from resonance_model.delays import codebook_delay, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationRecorder, ActivationStats

NEUTRAL_PROMPT = "music"


@torch.inference_mode()
def read_clip(model: LoadedModel, samples: Tensor, *, prompt: str = NEUTRAL_PROMPT) -> ActivationStats:
    """Activation statistics of a clip, mono `[samples]` at the model's rate, in a teacher-forced pass."""
    return read_codes(model, model.codec.encode(samples), prompt=prompt)


@torch.inference_mode()
def read_codes(model: LoadedModel, codes: Tensor, *, prompt: str = NEUTRAL_PROMPT) -> ActivationStats:
    """Activation statistics of codes `[codebooks, frames]` under the prompt, of the conditional branch alone."""
    slot, recorder = _open_slot(model, prompt)
    model.decoder.read(slot, _delay(model, codes.to(model.decoder.device)))
    return recorder.stats()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingScore:
    """Judgement of a rendering by the unsteered model.

    `stats` are its layers' statistics and `log_likelihood` the mean log-probability (nats) of its tokens, both under its own prompt.
    `ratio` is how much likelier (nats a token) the positive prompts of some pairs make the tokens than the negative ones.
    """

    stats: ActivationStats
    log_likelihood: float
    ratio: float


@torch.inference_mode()
def score_rendering(
    model: LoadedModel, samples: Tensor, *, prompt: str, pairs: Sequence[tuple[str, str]] = ()
) -> RenderingScore:
    """Encodes a rendering, mono `[samples]` at the model's rate, and reads it under its prompt and under both prompts of each pair.

    The model serves as a generative classifier, as in Li et al. 2023, "Your diffusion model is secretly a zero-shot classifier".
    """
    codes = model.codec.encode(samples)
    stats, log_likelihood = score_codes(model, codes, prompt=prompt)
    ratios = [
        score_codes(model, codes, prompt=more)[1] - score_codes(model, codes, prompt=less)[1] for more, less in pairs
    ]
    ratio = sum(ratios) / len(ratios) if ratios else 0.0
    return RenderingScore(stats=stats, log_likelihood=log_likelihood, ratio=ratio)


@torch.inference_mode()
def score_codes(model: LoadedModel, codes: Tensor, *, prompt: str) -> tuple[ActivationStats, float]:
    """Activation statistics of codes `[codebooks, frames]`, and the mean log-probability (nats) of the tokens.

    Both are the unsteered model's, under the prompt and without guidance.
    """
    codes = codes.to(model.decoder.device)
    slot, recorder = _open_slot(model, prompt)
    logits = model.decoder.read(slot, _delay(model, codes), with_logits=True)
    assert logits is not None
    scores = logits[0].log_softmax(dim=-1)  # [steps, codebooks, vocabulary]
    means = []
    for book, tokens in enumerate(codes):
        delay = codebook_delay(book, model.config.channel_count)
        means.append(scores[delay : delay + len(tokens), book].gather(1, tokens[:, None]).mean())
    return recorder.stats(), float(torch.stack(means).mean())


@torch.inference_mode()
def read_levelled(model: LoadedModel, codes: Tensor, *, target_lufs: float) -> ActivationStats:
    """Reads a take's codes `[codebooks, frames]` as a track of that loudness is read: decoded, mono, brought to it, encoded again.

    Raises:
        ValueError: the take is silent.
    """
    samples = model.codec.open_stream().finish(codes).mean(dim=0).double().numpy()
    loudness = loudness_lufs(samples, model.description.sample_rate_hz)
    if not math.isfinite(loudness):
        raise ValueError("a silent take has no loudness to bring to a target")
    gain = 10 ** ((target_lufs - loudness) / 20)
    return read_clip(model, torch.from_numpy(np.clip(gain * samples, -1.0, 1.0).astype(np.float32)))


@torch.inference_mode()
def generate_and_read(
    model: LoadedModel, prompts: list[str], *, frame_count: int, seed: int
) -> list[tuple[Tensor, ActivationStats]]:
    """Generates one take per prompt in one batch; returns each take's codes and the activation statistics on the way."""
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


def _open_slot(model: LoadedModel, prompt: str) -> tuple[CacheSlot, ActivationRecorder]:
    """A slot with the conditional branch alone, and its recorder."""
    recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    conditioning = model.decoder.condition([(model.encode_text([prompt])[0], 1.0)])
    return CacheSlot(model.config, conditioning, recorder=recorder, branch_count=1), recorder


def _delay(model: LoadedModel, codes: Tensor) -> Tensor:
    """Decoder inputs `[codebooks, steps]` of codes `[codebooks, frames]`."""
    return delayed_inputs(
        codes,
        start_token=model.config.start_token,
        step_count=codes.shape[1] + model.config.delay_max,
        channel_count=model.config.channel_count,
    )
