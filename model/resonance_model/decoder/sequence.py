"""Token sequence of a take: tokens, next inputs, window.

The window is for takes past the trained length.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import NOVEL_FROM, NOVEL_TO, Sampling, novelty_penalty
from resonance_model.decoder.window import SLICE_POSITIONS, WindowPlan
from resonance_model.delays import codebook_delay, delayed_inputs

_BLOCK_STEPS = 512


class TokenSequence:
    """Tokens of one take, chosen step by step over a cache slot.

    Past `window_steps` positions the take goes on by windowed continuation (as AudioCraft's `extend_stride`): the last `context_frames`
    frames are read again from position 0, and the next step follows them. They are read into a second slot, slice by slice, while the
    old window is still in use.

    Args:
        frame_count: length of the take; None for a performance, which has no end of its own.
        context_slack: frames more that may be read again, so that the window moves by a period of the music.
        anchor_frames: of the frames that are read again, so many first ones are replaced by the first ones of the take. Windows move by
            periods, so that both lie alike in the bar. A take that hears only its own latest frames drifts away from how it began.
    """

    def __init__(
        self,
        decoder: Decoder,
        slot: CacheSlot,
        sampling: Sampling,
        *,
        frame_count: int | None,
        window_steps: int,
        context_frames: int,
        context_slack: int = 0,
        anchor_frames: int = 0,
    ) -> None:
        longest = context_frames + context_slack + 2 * decoder.config.codebook_count
        assert longest < window_steps <= decoder.config.position_count_max
        assert not anchor_frames or anchor_frames < context_frames
        assert frame_count is not None or not anchor_frames  # a performance does not keep its beginning
        self.slot = slot
        self.sampling = sampling
        self.frame_count = frame_count
        self.step = 0
        self._decoder = decoder
        self._config = decoder.config
        self._delays = [
            codebook_delay(book, decoder.config.channel_count) for book in range(decoder.config.codebook_count)
        ]
        self._window_steps = window_steps
        self._context_frames = context_frames
        self._anchor_frames = anchor_frames
        delay = decoder.config.delay_max
        self._plan = WindowPlan(size=window_steps, context=context_frames + delay, slack=context_slack, delay=delay)
        self._tokens = np.empty((decoder.config.codebook_count, _BLOCK_STEPS), np.int64)
        self._first_kept_step = 0
        self._first_frame = 0
        self._given_tokens: NDArray[np.int64] | None = None
        self._open_end = 0
        self._pending_inputs = torch.empty(0, 0)
        self._next_slot: CacheSlot | None = None
        self._next_context: int | None = None
        # Frames that were ready before the last rewind, and the tokens of the rewound steps that belong to them, -1 elsewhere.
        self._rewound_frames = 0
        self._rewound_tokens = np.empty((decoder.config.codebook_count, 0), np.int64)
        self._reserve(slot)

    def start_from_tokens(self, given: NDArray[np.int64]) -> None:
        """Starts from given tokens, before the first step.

        Args:
            given: `[codebooks, frame_count]`, -1 where tokens are to be chosen. Frames before the first -1 are read by `prefill` and not
                stepped through. Later ones replace the tokens that their steps would have chosen.
        """
        assert self.frame_count is not None
        assert self.step == 0
        assert given.shape == (self._codebook_count, self.frame_count)
        books, steps = self._codebook_count, self.frame_count + self._config.delay_max
        tokens = np.full((books, steps), -1, np.int64)
        is_open = np.zeros(steps, bool)
        for book in range(books):
            steps_of_book = slice(self._delays[book], self._delays[book] + self.frame_count)
            tokens[book, steps_of_book] = given[book]
            is_open[steps_of_book] |= given[book] < 0
        self._given_tokens = tokens
        self._open_end = int(is_open.nonzero()[0].max()) + 1 if is_open.any() else 0
        known = (given >= 0).all(axis=0)
        prefix = self.frame_count if known.all() else int(known.argmin())
        self._tokens = np.concatenate([tokens[:, :prefix], self._tokens], axis=1)
        self.step = prefix
        if prefix >= self._open_end:
            self._finish_with_given()
        elif prefix:
            self._pending_inputs = self._inputs_after_moves(prefix)

    @property
    def needs_prefill(self) -> bool:
        """True while positions must be read before the next step: the prefix, given tokens, or their part of the next window."""
        return self._pending_inputs.shape[1] > 0 or self.slot.prefix_left > 0 or self._is_read_ahead_due

    @property
    def _is_read_ahead_due(self) -> bool:
        """True where a sequence that had stepped here would have read more of the next window."""
        return self._ahead_length < self._ahead_target(self._window_left + 1)

    def prefill(self, step_count: int) -> None:
        """Reads up to `step_count` of those positions. Callers read slices, so that other takes' steps come between them."""
        if self.slot.prefix_left:
            self._decoder.read_prefix(self.slot, step_count)
            return
        if self._pending_inputs.shape[1] == 0:
            for _ in range(max(1, step_count // SLICE_POSITIONS)):
                if self._is_read_ahead_due:
                    self._read_ahead()
            return
        self.slot.ensure_capacity(min(step_count, self._pending_inputs.shape[1]))
        self._decoder.read(self.slot, self._pending_inputs[:, :step_count].to(self._decoder.device))
        self._pending_inputs = self._pending_inputs[:, step_count:]

    @property
    def is_finished(self) -> bool:
        """True once every frame has all its tokens."""
        return self.frame_count is not None and self.step >= self.frame_count + self._config.delay_max

    @property
    def frames_ready(self) -> int:
        """Frames that have a token of every codebook."""
        ready = max(0, self.step - self._config.delay_max, self._rewound_frames)
        return ready if self.frame_count is None else min(ready, self.frame_count)

    def frames(self, start: int, end: int) -> Tensor:
        """Codes `[codebooks, end - start]` of ready frames. A performance keeps those of its window and of a few seconds before it."""
        assert self._first_kept_step <= start <= end <= self.frames_ready
        start, end = start - self._first_kept_step, end - self._first_kept_step
        parts = [row[start + delay : end + delay] for row, delay in zip(self._tokens, self._delays, strict=True)]
        return torch.from_numpy(np.stack(parts))

    @property
    def tokens(self) -> NDArray[np.int64]:
        """Tokens `[codebooks, steps]` in the delay pattern, from the first kept step on."""
        return self._tokens[:, : self.step - self._first_kept_step]

    @property
    def token_capacity(self) -> int:
        """Steps that the token buffer holds."""
        return self._tokens.shape[1]

    def inputs(self) -> Tensor:
        """Inputs of the next step, `[codebooks]`: codebook k at step p reads frame p - 1 - delay(k), or the start token."""
        tokens = np.full(self._codebook_count, self._decoder.config.start_token)
        first = 0 if self.frame_count is None else max(0, self.step - self.frame_count)
        last = self.step - self._first_frame
        # Delays in [first, last) have a frame; the channels' codebooks share them.
        first, last = first * self._config.channel_count, min(self._codebook_count, last * self._config.channel_count)
        if first < last:
            tokens[first:last] = self._tokens[first:last, self.step - 1 - self._first_kept_step]
        return torch.from_numpy(tokens)

    def novelty_penalty(self) -> Tensor | None:
        """The next step's penalty on tokens that were said a while ago; None without `novelty`, and where nothing was said."""
        first = max(self.step - NOVEL_TO, self._first_frame, self._first_kept_step) - self._first_kept_step
        last = self.step - NOVEL_FROM - self._first_kept_step
        if not self.sampling.novelty or last <= first:
            return None
        said = self._tokens[: self._config.channel_count, first:last]
        return novelty_penalty(said, self.sampling.novelty, self._config.vocabulary_size)

    def accept(self, tokens: Tensor) -> None:
        """Appends the step's chosen tokens `[codebooks]`, or the given ones in their place."""
        if self.step - self._first_kept_step >= self._tokens.shape[1]:
            self._grow_tokens()
        chosen = tokens.numpy()
        if self._given_tokens is not None:
            given = self._given_tokens[:, self.step]
            chosen = np.where(given >= 0, given, chosen)
        rewound = self.step - self._rewound_frames
        if 0 <= rewound < self._rewound_tokens.shape[1]:
            chosen = np.where(self._rewound_tokens[:, rewound] >= 0, self._rewound_tokens[:, rewound], chosen)
        self._tokens[:, self.step - self._first_kept_step] = chosen
        self.step += 1
        if self._given_tokens is not None and self.step >= self._open_end:
            self._finish_with_given()

    def _grow_tokens(self) -> None:
        """Makes room for more tokens. A take keeps all; a performance, which may last for hours, keeps a window and the longest chunk."""
        kept, size = self._window_steps + _BLOCK_STEPS, self._tokens.shape[1]
        if self.frame_count is None and size >= 2 * kept:
            self._first_kept_step += size - kept
            self._tokens[:, :kept] = self._tokens[:, size - kept :].copy()
        else:
            self._tokens = np.concatenate([self._tokens, np.empty_like(self._tokens)], axis=1)

    def prepare_step(self) -> None:
        """Moves the window where the next step would not fit. While that is near, reads a slice of the next window's context."""
        left = self._window_left
        while self._ahead_length < self._ahead_target(left):
            self._read_ahead()
        if left == 0:
            assert self._next_slot is not None
            self.slot.replace_with(self._next_slot)
            self._clear_next()

    @property
    def _end_step(self) -> int | None:
        """End of the steps that choose tokens, exclusive; None for a performance."""
        if self.frame_count is None:
            return None
        return self.frame_count + self._config.delay_max if self._given_tokens is None else self._open_end

    @property
    def _window_left(self) -> int:
        """Steps that still fit into the window."""
        return self._window_steps - self.slot.music_length

    @property
    def _context_steps(self) -> int:
        """Positions of music at the start of the next window, chosen when its reading begins."""
        if self._next_context is None:
            self._next_context = self._choose_context(self.step + self._window_left)
        return self._next_context

    def _choose_context(self, end: int) -> int:
        """Positions of music that stay when the window moves at step `end`."""
        first = end - self._window_steps - self._first_kept_step
        count = self._plan.settled_frames
        rows = [
            row[first + delay : first + delay + count] for row, delay in zip(self._tokens, self._delays, strict=True)
        ]
        return self._plan.choose_context(np.stack(rows))

    @property
    def _ahead_length(self) -> int:
        return 0 if self._next_slot is None else self._next_slot.length

    def _ahead_target(self, left: int) -> int:
        """Positions of the next window to be read before the step after which `left` - 1 steps fit; 0 where the take ends in this one."""
        if self._end_step is not None and self.step + self._window_left >= self._end_step:
            return 0
        if left > self._plan.reading_steps:
            return 0
        return self._plan.due_positions(left, self._context_steps, self.slot.conditioning.prefix_count)

    def _fresh_slot(self) -> CacheSlot:
        slot = CacheSlot(self._config, self.slot.conditioning)
        self._reserve(slot)
        return slot

    def _reserve(self, slot: CacheSlot) -> None:
        """Reserves a whole window in the slot on a CPU, where unused memory costs nothing; elsewhere the slot grows as needed."""
        if self._decoder.device.type == "cpu":
            steps = self._window_steps if self._end_step is None else min(self._window_steps, self._end_step)
            slot.reserve(slot.conditioning.prefix_count + steps)

    def _read_ahead(self) -> None:
        """Reads a slice of the next window. Slices begin at fixed positions, so that the cache's bits do not depend on when it is read."""
        ahead = self._next_slot = self._next_slot or self._fresh_slot()
        ahead.conditioning, ahead.steering = self.slot.conditioning, self.slot.steering
        ahead.adaptive = None if self.slot.adaptive is None else self.slot.adaptive.fork()
        if ahead.prefix_left:
            self._decoder.read_prefix(ahead, SLICE_POSITIONS)
            return
        first, start = self.step + self._window_left - self._context_steps, ahead.music_length
        inputs = self.inputs_since(first)[:, start : start + SLICE_POSITIONS]
        self._decoder.read(ahead, inputs.to(self._decoder.device))

    def set_conditioning(self, conditioning: Conditioning) -> None:
        """Goes on under other conditions.

        A new prefix changes the positions of the music behind it: the music in the cache, at most the context of a moved window, is read
        again by `prefill`.
        """
        self.slot.conditioning, old = conditioning, self.slot.conditioning
        if conditioning.prefix is None:
            return
        music = max(0, self.slot.length - old.prefix_count) + self._pending_inputs.shape[1]
        first = self.step - music
        if music > self._context_frames + self._config.delay_max:
            first = self.frames_ready - self._context_frames
        self._pending_inputs = self.inputs_since(first)
        self._clear_caches()

    def rewind(self) -> int:
        """Drops the tokens of frames that are not ready yet, so that they are chosen again under the present recipe.

        Returns the number of dropped steps: 0 in the first steps, and while a prefill is pending.
        """
        first, count = self.frames_ready, self.step - self.frames_ready
        if self.needs_prefill or self.slot.music_length <= 2 * self._config.delay_max:
            return 0
        start = first - self._first_kept_step
        rewound = self._tokens[:, start : start + self._config.delay_max].copy()
        for codebook, delay in enumerate(self._delays):
            rewound[codebook, delay:] = -1  # from frame `first` on
        self._rewound_tokens, self._rewound_frames = rewound, first
        self.step = first
        self.slot.drop_last(count)
        if self._next_slot is not None and self._ahead_length:  # it may hold positions of dropped tokens
            known = max(0, self._context_steps - self._window_left)
            self._next_slot.drop_last(max(0, self._next_slot.music_length - known))
        return count

    def reset(self) -> None:
        """Clears the context, as if the take began here. Ready frames stay readable.

        The later codebooks finish the last few frames without the earlier ones in their context.
        """
        self._pending_inputs = self._pending_inputs[:, :0]
        self._clear_caches()
        self._first_frame = self.step

    def _clear_caches(self) -> None:
        self.slot.clear()
        self._clear_next()

    def _clear_next(self) -> None:
        self._next_context = None
        if self._next_slot is not None:
            self._next_slot.clear()

    def _finish_with_given(self) -> None:
        """Appends the given tokens of all remaining steps: none of them is open."""
        assert self._given_tokens is not None
        self._tokens = np.concatenate([self._tokens[:, : self.step], self._given_tokens[:, self.step :]], axis=1)
        self.step = self._given_tokens.shape[1]

    def inputs_since(self, first: int) -> Tensor:
        """Inputs `[codebooks, positions]` in the cache of a sequence that began at step `first` and has stepped here."""
        return self._delayed_inputs(first, self.step - first)

    def _inputs_after_moves(self, step: int) -> Tensor:
        """Inputs `[codebooks, positions]` in the cache of a sequence that has stepped to `step`, its window's moves included."""
        first, length = 0, 0
        for position in range(step):
            if length >= self._window_steps:
                first = position - self._choose_context(position)
                length = position - first
            length += 1
        return self._delayed_inputs(first, length)

    def _delayed_inputs(self, first: int, count: int) -> Tensor:
        return delayed_inputs(
            self._codes_since(first, count),
            start_token=self._config.start_token,
            step_count=count,
            channel_count=self._config.channel_count,
        )

    @property
    def _codebook_count(self) -> int:
        return self._decoder.config.codebook_count

    def _codes_since(self, first: int, count: int) -> Tensor:
        """Codes `[codebooks, count]` of a window that begins at frame `first`: the anchor, and the frames from there on.

        Later codebooks have fewer frames; the rest is filled and never read.
        """
        codes = torch.full((self._codebook_count, count), self._config.start_token)
        anchor = min(self._anchor_frames, count) if first > 0 else 0
        first -= self._first_kept_step
        for codebook, delay in enumerate(self._delays):
            chosen = self._tokens[codebook, first + delay : self.step - self._first_kept_step]
            codes[codebook, : chosen.shape[0]] = torch.from_numpy(chosen)
            codes[codebook, :anchor] = torch.from_numpy(self._tokens[codebook, delay : delay + anchor])
        return codes
