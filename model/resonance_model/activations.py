"""Activations of clips and takes, with statistics per layer.

Codec tokens pass through the decoder under one text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resonance.audio.loudness import loudness_lufs
from resonance.steering.direction import Direction
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.delays import codebook_delay, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.projections import ProjectionRecorder
from resonance_model.steering.recorder import ActivationRecorder, ActivationStats

NEUTRAL_PROMPT = "music"
# Takes that are read share a batch. Twelve of five seconds have 1.2 GB of keys and values at musicgen-small's shape.
TAKES_AT_ONCE_MAX = 4
CACHE_BYTES_MAX = 384 * 1024 * 1024
# Frames of a take that are read in one slice. Callers let other work take its turn between two slices.
SLICE_FRAMES = 64


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


class ReadTakes:
    """Takes of some prompts in one batch, made a few steps at a time, with the activation statistics on the way. Without novelty.

    A take's tokens do not depend on the other takes of the batch: take `n` has the seed `seed + n`, wherever it is made.
    """

    @torch.inference_mode()
    def __init__(self, model: LoadedModel, prompts: Sequence[str], *, frame_count: int, seed: int) -> None:
        self._decoder = model.decoder
        self._frame_count = frame_count
        self._sequences: list[TokenSequence] = []
        self._recorders: list[ActivationRecorder] = []
        steps = frame_count + model.config.delay_max
        for index, states in enumerate(model.encode_text(list(prompts))):
            recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
            slot = CacheSlot(model.config, model.decoder.condition([(states, 1.0)]), recorder=recorder)
            sampling = Sampling(
                guidance_scale=model.description.sampling.guidance_scale,
                temperature=model.description.sampling.temperature,
                top_k=model.description.sampling.top_k,
                seed=seed + index,
            )
            self._recorders.append(recorder)
            self._sequences.append(
                TokenSequence(
                    model.decoder, slot, sampling, frame_count=frame_count, window_steps=steps, context_frames=0
                )
            )

    @property
    def is_finished(self) -> bool:
        """True where every take has all of its frames."""
        return self._sequences[0].is_finished

    @torch.inference_mode()
    def advance(self, step_count: int) -> None:
        """Takes up to that many steps."""
        for _ in range(step_count):
            if self.is_finished:
                return
            advance(self._decoder, self._sequences)

    def results(self) -> list[tuple[Tensor, ActivationStats]]:
        """Each take's codes `[codebooks, frames]`, and its statistics."""
        return [
            (sequence.frames(0, self._frame_count), recorder.stats())
            for sequence, recorder in zip(self._sequences, self._recorders, strict=True)
        ]


def takes_at_once(model: LoadedModel, frame_count: int) -> int:
    """The number of takes of that length that are made together: from one to TAKES_AT_ONCE_MAX, as CACHE_BYTES_MAX allows."""
    positions = frame_count + model.config.delay_max
    cache_bytes = 2 * 2 * model.config.layer_count * model.config.hidden_size * positions * model.decoder.dtype.itemsize
    return max(1, min(TAKES_AT_ONCE_MAX, CACHE_BYTES_MAX // cache_bytes))


def generate_and_read(
    model: LoadedModel, prompts: list[str], *, frame_count: int, seed: int
) -> list[tuple[Tensor, ActivationStats]]:
    """Generates one take per prompt in one batch; returns each take's codes and the activation statistics on the way."""
    takes = ReadTakes(model, prompts, frame_count=frame_count, seed=seed)
    takes.advance(frame_count + model.config.delay_max)
    return takes.results()


def read_projections(
    decoder: Decoder, codes: Tensor, slot: CacheSlot, directions: Sequence[Direction], *, window_frames: int
) -> Iterator[Tensor]:
    """Reads a take's tokens (teacher forcing) and yields the projections `[frames, directions]` slice by slice.

    A take that is longer than the window is read in windows that overlap by half; of all but the first, the first half gives no
    projections, so that each frame is seen after at least half a window.

    Args:
        codes: the take's tokens, `[codebooks, frames]`.
        slot: an empty slot of one branch with the take's conditioning and steering; its recorder is replaced.
        window_frames: frames that the model reads in one pass at most.
    """
    frame_count, context = codes.shape[1], window_frames // 2
    for start in range(0, max(1, frame_count - context), context):
        recorder = ProjectionRecorder(directions)
        slot.clear()
        slot.recorder = recorder
        count = min(window_frames, frame_count - start)
        inputs = delayed_inputs(
            codes[:, start : start + count],
            start_token=decoder.config.start_token,
            step_count=count,
            channel_count=decoder.config.channel_count,
        )
        skipped = context if start else 0
        for first in range(0, count, SLICE_FRAMES):
            with torch.inference_mode():
                decoder.read(slot, inputs[:, first : first + SLICE_FRAMES].to(decoder.device))
            yield recorder.projections()[max(first, skipped) :]


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
