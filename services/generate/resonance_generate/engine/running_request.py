"""Running request: slot, token sequence, codec stream, chunks, slack."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from resonance.audio.wav import pcm16
from resonance_generate.engine import metrics
from resonance_generate.engine.chunk_stream import PcmBlock
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.steering_changes import (
    build_adaptive_steering,
    is_conditioned_otherwise,
    is_steered_alike,
    steering_between,
)
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.window import choose_anchor_frames, choose_context_sizes
from resonance_model.loaded_model import LoadedModel

FIRST_CHUNK_FRAMES = 10
RAMP_FRAMES = 12
# Positions of prompt tokens that are read in one engine step.
PREFILL_STEPS = 64
# Decay per chunk of the longest recent time that a chunk took: with chunks of 0.2 s it halves in 3 s.
MAKING_KEPT = 0.95
# Steps at most for which a due chunk waits for the chunks of other requests.
POSTPONED_STEPS_MAX = 8


class RunningRequest:
    """A request that has a slot. Every method runs on the engine thread.

    `stalled_since_s` is set by the engine, and is None while the client reads.
    """

    def __init__(self, request: EngineRequest, model: LoadedModel, clock: Callable[[], float] = time.monotonic) -> None:
        self.request = request
        self._model = model
        self._clock = clock
        self._hop_samples = model.description.hop_samples
        self._sample_rate_hz = model.description.sample_rate_hz
        slot = CacheSlot(model.config, self._conditioning(request.params), steering=request.params.steering)
        slot.adaptive = build_adaptive_steering(request.params)
        self.sequence = _build_sequence(request, model, slot)
        if request.prompt_tokens is not None:
            self.sequence.start_from_tokens(request.prompt_tokens)
        self._codec = model.codec.open_stream()
        self._params = request.params
        self._changes = deque(request.changes)
        # Parameters that a performance changes to at a line, and its frame; a later change replaces them.
        self._at_line: tuple[int, GenerationParams] | None = None
        # First frame of each recipe; the first entry is the recipe of the chunk that is sent next.
        self._recipe_starts = [(0, request.params.recipe_id)]
        self._ramp: tuple[Tensor | None, Tensor | None, int] | None = None
        self._pushed_frames = 0
        self._sent_frames = 0
        # When a client that never pauses by itself began to play; None before the first chunk.
        self._playback_start_s: float | None = None
        # When the first step of the next chunk was taken; None between two chunks.
        self._making_since_s: float | None = None
        self._making_s = self._chunk_s
        self._postponed_steps = 0
        # Steps that were taken back and are taken again at once.
        self._retaken_steps = 0
        self._is_finished = False
        self.is_finishing = False
        self.stalled_since_s: float | None = None
        self.paused_since_s: float | None = None

    # --- read by the scheduler

    @property
    def is_live(self) -> bool:
        """True where each chunk is made as late as possible, so that a control is heard soon."""
        return self.request.lead_s is not None

    @property
    def is_background(self) -> bool:
        """True where no listener waits for it."""
        return self.request.is_background

    def may_move(self, now_s: float) -> bool:
        """True where more audio is wanted now: the client reads, nothing is paused, and a performance's next chunk cannot wait."""
        return self.request.stream.has_room and self.paused_since_s is None and not self._may_wait(now_s)

    def _may_wait(self, now_s: float) -> bool:
        """True where a performance's next chunk, begun later and made in the longest recent time, would still be `lead_s` early."""
        if self.request.lead_s is None or self._making_since_s is not None or self._retaken_steps:
            return False
        return self.slack_s(now_s) - self._making_s > self.request.lead_s

    def slack_s(self, now_s: float) -> float:
        """Seconds sent beyond what has been played; minus infinity before the first chunk. A pause stops playback."""
        if self._playback_start_s is None:
            return float("-inf")
        now_s = now_s if self.paused_since_s is None else self.paused_since_s
        return self._sent_frames * self._hop_samples / self._sample_rate_hz - (now_s - self._playback_start_s)

    def in_hand_s(self, now_s: float) -> float:
        """Seconds of sound that the client has not played yet, or has not read: whichever is more."""
        return max(self.slack_s(now_s), self.request.stream.waiting_samples / self._sample_rate_hz)

    @property
    def may_be_parked(self) -> bool:
        """True for a take. A performance keeps its slot, because its controls act at once."""
        return not self.is_live and not self.is_finishing and self.paused_since_s is None

    @property
    def frames_left(self) -> int | None:
        """Frames that are still to be made; None for a performance."""
        return None if self.request.frame_count is None else self.request.frame_count - self.sequence.frames_ready

    # --- called by the engine

    def park(self) -> None:
        """Keeps the state outside of a static batch, so that another request can have its place there."""
        self.sequence.slot.leave_buffers()

    @property
    def needs_step(self) -> bool:
        """True where tokens are to be sampled: not while prompt tokens are read, and not after the last token."""
        return not self.sequence.is_finished and not self.sequence.needs_prefill

    @property
    def is_finished(self) -> bool:
        """True where all audio was handed over."""
        return self._is_finished

    def _apply_due_changes(self) -> None:
        while self._changes and not self.sequence.needs_prefill and self.sequence.frames_ready >= self._first_changed:
            # The steps of frames whose later codebooks are missing are taken again, as after a live control in time.
            self._retaken_steps += self.sequence.rewind()
            self._change_to(self._changes.popleft()[1])
        if self._at_line is not None and self.sequence.step >= self._at_line[0]:
            params, self._at_line = self._at_line[1], None
            self._change_to(params)

    @property
    def _first_changed(self) -> int:
        """The first frame whose tokens the next scheduled change shapes: the codec looks this many frames ahead of its samples."""
        return self._changes[0][0] + self._codec.lag_frames

    def before_step(self) -> None:
        """Applies changes that act from the next frame on, and moves a ramp of the steering one frame on."""
        self._apply_due_changes()
        if self._retaken_steps:
            self._retaken_steps -= 1
        elif self._making_since_s is None:
            self._making_since_s = self._clock()
        if self._ramp is None:
            return
        start, target, done = self._ramp
        done += 1
        slot = self.sequence.slot
        slot.steering = target if done >= RAMP_FRAMES else steering_between(start, target, done / RAMP_FRAMES)
        if slot.adaptive is not None:
            slot.adaptive.fade(max(0.0, 1 - done / RAMP_FRAMES))
        self._ramp = None if done >= RAMP_FRAMES else (start, target, done)

    def read_slice(self) -> None:
        """Reads a slice of the prompt tokens or of other positions that come before the next step."""
        self.sequence.prefill(PREFILL_STEPS)

    @property
    def is_chunk_due(self) -> bool:
        """True where a whole chunk, or the rest of the take, can be decoded."""
        return self.sequence.is_finished or self.sequence.frames_ready >= self._due_frames

    def postpone_chunk(self) -> bool:
        """True where a due chunk may wait for one more step; the step is then counted. A live chunk never waits."""
        if self.is_live or self._postponed_steps >= POSTPONED_STEPS_MAX:
            return False
        self._postponed_steps += 1
        return True

    def send_chunk(self) -> None:
        """Decodes and hands over one chunk, or all that is left with `is_finishing`.

        One chunk at most: decoding several would be a gap in the live music of other requests.
        """
        due, self._postponed_steps = self._due_frames, 0
        if self.is_finishing or (self.sequence.is_finished and self.sequence.frames_ready <= due):
            codes = self._take_codes(self.sequence.frames_ready)
            self._send(self._codec.finish(codes), codes)
            self._is_finished = True
        else:
            codes = self._take_codes(due)
            self._send(self._codec.push(codes), codes)

    # --- commands, applied by `Engine.apply`

    def update(self, params: GenerationParams) -> int:
        """Changes the parameters from the next step on; returns the first sample that they shape. Steering is ramped.

        While a performance has slack, frames whose later codebooks are still missing are sampled again under the new parameters.
        """
        self._at_line = None
        if self.request.lead_s is not None and self.slack_s(self._clock()) > self.request.lead_s:
            self._retaken_steps += self.sequence.rewind()
        self._change_to(params)
        return self.sequence.step * self._hop_samples

    def update_at_line(self, params: GenerationParams, line_frames: float) -> int:
        """Changes the parameters at the next multiple of `line_frames`; returns its first sample. It replaces a change that waits."""
        frame = math.ceil(math.ceil(self.sequence.step / line_frames) * line_frames)
        self._at_line = (frame, params)
        return frame * self._hop_samples

    def _change_to(self, params: GenerationParams) -> None:
        if is_conditioned_otherwise(params, self._params):
            self.sequence.set_conditioning(self._conditioning(params))
        if not is_steered_alike(params, self._params):
            self._steer(params)
        self.sequence.sampling = replace(
            self.sequence.sampling,
            guidance_scale=params.guidance_scale,
            temperature=params.temperature,
            top_k=params.top_k,
            novelty=params.novelty,
        )
        if params.recipe_id != self._params.recipe_id:
            self._start_recipe(params.recipe_id)
        self._params = params

    def reset(self) -> None:
        """Continues from silence."""
        self.sequence.reset()

    def pause(self) -> None:
        """Makes no more audio. The slot is kept for `patience.PAUSE_S_MAX` seconds."""
        if self.paused_since_s is None:
            self.paused_since_s, self._making_since_s = self._clock(), None

    def play(self) -> None:
        """Continues after a pause, whose time does not count as played."""
        if self.paused_since_s is None:
            return
        if self._playback_start_s is not None:
            self._playback_start_s += self._clock() - self.paused_since_s
        self.paused_since_s = None

    def finish(self) -> None:
        """Ends the music after the tokens that have been sampled."""
        self.is_finishing = True

    # --- steering

    def _steer(self, params: GenerationParams) -> None:
        """Begins a ramp from the steering that is really added now, which adaptive steering may have reduced, to that of `params`."""
        slot, adaptive = self.sequence.slot, build_adaptive_steering(params)
        in_force, shares = slot.steering, None
        if slot.adaptive is not None and slot.steering is not None:
            in_force, shares = slot.adaptive.applied(slot.steering), slot.adaptive.shares
        if adaptive is not None and in_force is not None:
            whole = in_force if self._params.steering is None else self._params.steering
            adaptive.continue_from(whole, torch.ones(len(whole)) if shares is None else shares, in_force)
        start = None if adaptive is not None else in_force
        slot.steering, slot.adaptive = steering_between(start, params.steering, 0.0), adaptive
        self._ramp = (start, params.steering, 0)

    def _conditioning(self, params: GenerationParams) -> Conditioning:
        states = self._model.encode_text([text for text, _ in params.prompts])
        weights = [weight for _, weight in params.prompts]
        negative = self._model.encode_text([params.negative])[0] if params.negative else None
        return self._model.decoder.condition(list(zip(states, weights, strict=True)), params.melody, negative)

    # --- chunks

    @property
    def _chunk_frames(self) -> int:
        """Length of the next chunk. The first one is short.

        Live chunks grow to the requested length, so that each is made while earlier ones play. Those of a take do not grow: the last bits
        of its samples depend on where its chunks end.
        """
        if self.is_live or self._sent_frames == 0:
            return min(FIRST_CHUNK_FRAMES + self._sent_frames, self.request.chunk_frames)
        return self.request.chunk_frames

    @property
    def _due_frames(self) -> int:
        return self._sent_frames + self._chunk_frames + self._codec.lag_frames

    @property
    def _chunk_s(self) -> float:
        return self.request.chunk_frames * self._hop_samples / self._sample_rate_hz

    def _take_codes(self, end: int) -> Tensor:
        codes = self.sequence.frames(self._pushed_frames, end)
        self._pushed_frames = end
        return codes

    def _send(self, samples: Tensor, codes: Tensor) -> None:
        if samples.shape[1] == 0:
            return
        now_s = self._clock()
        self._note_making_time(now_s)
        first_frame = self._sent_frames
        self._sent_frames += samples.shape[1] // self._hop_samples
        self._note_playback(now_s, samples.shape[1] / self._sample_rate_hz)
        self._put_blocks(first_frame, samples, codes, self.slack_s(now_s))

    def _note_playback(self, now_s: float, sent_s: float) -> None:
        if self._playback_start_s is None:
            self._playback_start_s = now_s
        elif (missing_s := sent_s - self.slack_s(now_s)) > 0:
            metrics.UNDERRUNS.inc()
            if self.is_live:
                # The client has waited this long and plays on from there. Catching up would add delay to every control.
                self._playback_start_s += missing_s

    def _put_blocks(self, first_frame: int, samples: Tensor, codes: Tensor, headroom_s: float) -> None:
        """Hands a chunk over, cut where another recipe begins."""
        sampled = codes.numpy()
        starts = [(frame - first_frame) * self._hop_samples for frame, _ in self._recipes_within(first_frame)]
        for number, (start, end) in enumerate(pairwise([0, *starts, samples.shape[1]])):
            if number:
                del self._recipe_starts[0]
            part = samples[:, start:end]
            self.request.stream.put(
                PcmBlock(
                    sample_offset=first_frame * self._hop_samples + start,
                    sample_count=end - start,
                    pcm=pcm16(np.nan_to_num(part.float().cpu().numpy())),
                    recipe_id=self._recipe_starts[0][1],
                    headroom_s=headroom_s,
                    codes=sampled if number == 0 else sampled[:, :0],
                )
            )

    def _note_making_time(self, now_s: float) -> None:
        """Keeps the longest recent time that a chunk took, which decays. It is capped at the chunk's length, for clients that stall."""
        taken_s = 0.0 if self._making_since_s is None else now_s - self._making_since_s
        self._making_s = min(self._chunk_s, max(taken_s, self._making_s * MAKING_KEPT))
        self._making_since_s = None

    # --- recipes of chunks

    def _start_recipe(self, recipe_id: str) -> None:
        """Names the recipe from the next step on. Recipes that were to begin later than that never sound."""
        step, first = self.sequence.step, self._recipe_starts[0]
        self._recipe_starts = [start for start in self._recipe_starts if start[0] < step or start is first]
        self._recipe_starts.append((step, recipe_id))

    def _recipes_within(self, first_frame: int) -> list[tuple[int, str]]:
        """The recipes that begin after `first_frame` and before the end of the chunk that is being sent."""
        while len(self._recipe_starts) > 1 and self._recipe_starts[1][0] <= first_frame:
            del self._recipe_starts[0]
        return [start for start in self._recipe_starts[1:] if start[0] < self._sent_frames]


def _build_sequence(request: EngineRequest, model: LoadedModel, slot: CacheSlot) -> TokenSequence:
    window = model.config.window_steps
    context, slack = choose_context_sizes(window, model.config.delay_max)
    sampling = Sampling(
        guidance_scale=request.params.guidance_scale,
        temperature=request.params.temperature,
        top_k=request.params.top_k,
        novelty=request.params.novelty,
        seed=request.seed,
    )
    return TokenSequence(
        model.decoder,
        slot,
        sampling,
        frame_count=request.frame_count,
        window_steps=window,
        context_frames=context,
        context_slack=slack,
        anchor_frames=choose_anchor_frames(context) if request.keeps_beginning else 0,
    )
