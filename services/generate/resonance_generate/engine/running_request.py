"""One take inside the engine: its voice, its decoding, its chunks, and how far it is ahead of its listener."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from resonance.audio.wav import pcm16
from resonance_generate.engine import metrics
from resonance_generate.engine.chunk_stream import PcmBlock
from resonance_generate.engine.request import EngineRequest, GenerationParams, SteeringRule
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.adaptive import AdaptiveSteering

FIRST_CHUNK_FRAMES = 10
RAMP_FRAMES = 12
CONTEXT_SHARE = 0.5
# Positions of given tokens that are read between two steps of the others.
PRIMING_STEPS = 64
# What is left of the longest recent making of a chunk, a chunk later: with chunks of 0.2 s half of it after 3 s.
MAKING_KEPT = 0.95
# For so many steps at most a chunk that is due waits for those of others.
KEPT_STEPS_MAX = 8


class RunningRequest:
    """A job that has a slot. Every method runs on the engine's thread."""

    def __init__(self, job: EngineRequest, model: LoadedModel, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self._model = model
        self._clock = clock
        self._hop = model.description.hop_samples
        self._rate = model.description.sample_rate_hz
        slot = CacheSlot(model.config, self._conditioning(job.params), steering=job.params.steering)
        slot.adaptive = _build_adaptive_steering(job.params)
        self.sequence = _build_sequence(job, model, slot)
        if job.given is not None:
            self.sequence.start_from_tokens(job.given)
        self._codec = model.codec.open_stream()
        self._params = job.params
        self._labels = [
            (0, job.params.recipe_id)
        ]  # from which frame on each recipe shapes the music; the first is the one being sent
        self._ramp: tuple[Tensor | None, Tensor | None, int] | None = None
        self._pushed_frames = 0
        self._sent_frames = 0
        self._first_put_s: float | None = None
        self._begun_s: float | None = None  # since when the next chunk is being made
        self._making_s = self._chunk_s
        self._kept_steps = 0
        self._owed_steps = 0  # taken back, to be made again at once
        self.stalled_since_s: float | None = None
        self.is_stopping = False
        self._is_told = False
        self.paused_since_s: float | None = None

    # --- what the scheduler asks

    @property
    def is_live(self) -> bool:
        """Whether it makes each chunk as late as it can, so that controls are heard soon."""
        return self.job.lead_s is not None

    def may_move(self, now_s: float) -> bool:
        """Whether more sound is wanted now: the listener keeps up, nobody has paused, and a performance's next chunk may not wait."""
        return self.job.stream.has_room and self.paused_since_s is None and not self._may_wait(now_s)

    def _may_wait(self, now_s: float) -> bool:
        """Whether a performance's next chunk, begun later and made as slowly as the slowest of late, would still be `lead_s` early."""
        if self.job.lead_s is None or self._begun_s is not None or self._owed_steps:
            return False
        return self.slack_s(now_s) - self._making_s > self.job.lead_s

    def slack_s(self, now_s: float) -> float:
        """Seconds sent beyond what has been played; minus infinity before the first chunk. Nothing is played in a pause."""
        if self._first_put_s is None:
            return float("-inf")
        now_s = now_s if self.paused_since_s is None else self.paused_since_s
        return self._sent_frames * self._hop / self._rate - (now_s - self._first_put_s)

    @property
    def needs_step(self) -> bool:
        """Whether the model has something to say for it: not while given tokens are read, and not once all is said."""
        return not self.sequence.is_finished and not self.sequence.needs_prefill

    @property
    def is_finished(self) -> bool:
        """Whether everything was said and handed over."""
        return self._is_told

    # --- what the engine does

    def before_step(self) -> None:
        """Moves a running change of steering one frame on."""
        if self._owed_steps:
            self._owed_steps -= 1
        elif self._begun_s is None:
            self._begun_s = self._clock()
        if self._ramp is None:
            return
        start, target, done = self._ramp
        done += 1
        self.sequence.slot.steering = target if done >= RAMP_FRAMES else _between(start, target, done / RAMP_FRAMES)
        if self.sequence.slot.adaptive is not None:
            self.sequence.slot.adaptive.fade(max(0.0, 1 - done / RAMP_FRAMES))
        self._ramp = None if done >= RAMP_FRAMES else (start, target, done)

    def read_slice(self) -> None:
        """Reads a slice of what stands before the next step."""
        self.sequence.prefill(PRIMING_STEPS)

    @property
    def is_chunk_due(self) -> bool:
        """Whether a whole chunk can be decoded, or what is left of the take."""
        return self.sequence.is_finished or self.sequence.frames_ready >= self._due_frames

    def keep_chunk(self) -> bool:
        """Whether a chunk that is due may wait for one more step, which then counts: others' are decoded in this one."""
        if self.is_live or self._kept_steps >= KEPT_STEPS_MAX:
            return False
        self._kept_steps += 1
        return True

    def send_chunk(self) -> None:
        """Decodes and hands over a chunk; at most one, so that much that is ready holds up nobody. With `is_stopping` all that is left."""
        due, self._kept_steps = self._due_frames, 0
        if self.is_stopping or (self.sequence.is_finished and self.sequence.frames_ready <= due):
            codes = self._fresh_codes(self.sequence.frames_ready)
            self._send(self._codec.finish(codes), codes)
            self._is_told = True
        else:
            codes = self._fresh_codes(due)
            self._send(self._codec.push(codes), codes)

    def update(self, params: GenerationParams) -> int:
        """Changes the params from the next step on; returns the first sample that it shapes. Steering is ramped.

        While a performance has time, the frames that not all codebooks have spoken of are said once more under the new params.
        """
        if self.job.lead_s is not None and self.slack_s(self._clock()) > self.job.lead_s:
            self._owed_steps += self.sequence.rewind()
        if params.prompts != self._params.prompts or params.melody is not self._params.melody:
            self.sequence.set_conditioning(self._conditioning(params))
        if not _is_steered_alike(params, self._params):
            self._steer(params)
        self.sequence.sampling = replace(
            self.sequence.sampling,
            guidance_scale=params.guidance_scale,
            temperature=params.temperature,
            top_k=params.top_k,
        )
        if params.recipe_id != self._params.recipe_id:
            self._labels = [label for label in self._labels if label[0] < self.sequence.step or label is self._labels[0]]
            self._labels.append((self.sequence.step, params.recipe_id))
        self._params = params
        return self.sequence.step * self._hop

    def _steer(self, params: GenerationParams) -> None:
        """Begins a ramp from what is really added now, which under a monitor is a part of the steering, to the params's."""
        slot, monitor = self.sequence.slot, _build_adaptive_steering(params)
        in_force, shares = slot.steering, None
        if slot.adaptive is not None and slot.steering is not None:
            in_force, shares = slot.adaptive.applied(slot.steering), slot.adaptive.shares
        if monitor is not None and in_force is not None:
            whole = in_force if self._params.steering is None else self._params.steering
            monitor.continue_from(whole, torch.ones(len(whole)) if shares is None else shares, in_force)
        start = None if monitor is not None else in_force
        slot.steering, slot.adaptive = _between(start, params.steering, 0.0), monitor
        self._ramp = (start, params.steering, 0)

    def reset(self) -> None:
        """Goes on from silence."""
        self.sequence.reset()

    def pause(self, now_s: float) -> None:
        """Holds the music."""
        if self.paused_since_s is None:
            self.paused_since_s, self._begun_s = now_s, None

    def play(self, now_s: float) -> None:
        """Goes on after a pause; the time that it took counts as played by nobody."""
        if self.paused_since_s is not None:
            if self._first_put_s is not None:
                self._first_put_s += now_s - self.paused_since_s
            self.paused_since_s = None

    # --- pieces

    @property
    def _chunk_frames(self) -> int:
        """The first chunk is short. Live ones grow from it to what was asked for, so that each is made while those before it play; a
        take's do not: the last bits of its samples depend on where its chunks end."""
        if self.is_live or self._sent_frames == 0:
            return min(FIRST_CHUNK_FRAMES + self._sent_frames, self.job.chunk_frames)
        return self.job.chunk_frames

    @property
    def _due_frames(self) -> int:
        return self._sent_frames + self._chunk_frames + self._codec.lag_frames

    @property
    def _chunk_s(self) -> float:
        return self.job.chunk_frames * self._hop / self._rate

    def _fresh_codes(self, end: int) -> Tensor:
        codes = self.sequence.frames(self._pushed_frames, end)
        self._pushed_frames = end
        return codes

    def _send(self, samples: Tensor, codes: Tensor) -> None:
        if samples.shape[1] == 0:
            return
        now_s = self._clock()
        self._note_making(now_s)
        first = self._sent_frames
        self._sent_frames += samples.shape[1] // self._hop
        if self._first_put_s is None:
            self._first_put_s = now_s
        elif (missing_s := samples.shape[1] / self._rate - self.slack_s(now_s)) > 0:
            metrics.UNDERRUNS.inc()  # before this chunk there was nothing left
            if self.is_live:
                # A listener has waited so long, and does not get it back: made up for, it would be delay.
                self._first_put_s += missing_s
        spoken = codes.numpy()
        bounds = [0, *((frame - first) * self._hop for frame, _ in self._labels_within(first)), samples.shape[1]]
        for number, (start, end) in enumerate(pairwise(bounds)):
            if number:
                del self._labels[0]
            part = samples[:, start:end]
            self.job.stream.put(
                PcmBlock(
                    sample_offset=first * self._hop + start,
                    sample_count=end - start,
                    pcm=pcm16(np.nan_to_num(part.float().cpu().numpy())),
                    recipe_id=self._labels[0][1],
                    headroom_s=self.slack_s(now_s),
                    codes=spoken if number == 0 else spoken[:, :0],
                )
            )

    def _note_making(self, now_s: float) -> None:
        """How long a chunk takes: the longest of late, which fades; never more than the chunk lasts, as somebody who is stalled takes."""
        taken_s = 0.0 if self._begun_s is None else now_s - self._begun_s
        self._making_s = min(self._chunk_s, max(taken_s, self._making_s * MAKING_KEPT))
        self._begun_s = None

    def _labels_within(self, first: int) -> list[tuple[int, str]]:
        """The recipes that begin to shape the music inside what is sent now; a chunk is cut where one does."""
        while len(self._labels) > 1 and self._labels[1][0] <= first:
            del self._labels[0]
        return [label for label in self._labels[1:] if label[0] < self._sent_frames]

    def _conditioning(self, params: GenerationParams) -> Conditioning:
        states = self._model.encode_text([text for text, _ in params.prompts])
        weights = [weight for _, weight in params.prompts]
        return self._model.decoder.condition(list(zip(states, weights, strict=True)), params.melody)


def _build_sequence(job: EngineRequest, model: LoadedModel, slot: CacheSlot) -> TokenSequence:
    window = model.config.window_steps
    sampling = Sampling(
        guidance_scale=job.params.guidance_scale,
        temperature=job.params.temperature,
        top_k=job.params.top_k,
        seed=job.seed,
    )
    return TokenSequence(
        model.decoder,
        slot,
        sampling,
        frame_count=job.frame_count,
        window_steps=window,
        context_frames=int(window * CONTEXT_SHARE),
    )


def _build_adaptive_steering(params: GenerationParams) -> AdaptiveSteering | None:
    if params.rule is SteeringRule.ADD or params.steering is None or params.baselines is None:
        return None
    return AdaptiveSteering(params.steering, params.baselines, is_clamp=params.rule is SteeringRule.CLAMP)


def _is_steered_alike(one: GenerationParams, other: GenerationParams) -> bool:
    """Whether the push and its rule are the same: another prompt must not be heard as another push."""
    return (
        one.rule is other.rule and _is_equal(one.steering, other.steering) and _is_equal(one.baselines, other.baselines)
    )


def _is_equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or torch.equal(one, other)


def _between(start: Tensor | None, target: Tensor | None, share: float) -> Tensor | None:
    """The steering on the way from one to another; None stands for zeros."""
    if start is None and target is None:
        return None
    if start is None:
        return target * share if target is not None else None
    return start * (1 - share) if target is None else start + (target - start) * share
