"""A sequence: one take in the making - its tokens so far, its next inputs, and its window past the trained length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import Sampling, choose
from resonance_model.delays import codebook_delay, delayed_inputs

if TYPE_CHECKING:
    from resonance_model.decoder.static_batch import StaticBatch

_BLOCK_STEPS = 512
# What the next window keeps is read in slices of so many positions, spread over so many steps before the window moves: nobody's music
# waits for it. (750 positions at once are a quarter of a second on a CPU, and a slice is a step or two.)
_SLICE_POSITIONS = 16
_AHEAD_STEPS = 512


class TokenSequence:
    """Says one take, step by step, in a slot.

    Past `window_steps` positions it goes on by windowed continuation (as AudioCraft's `extend_stride`): the last `context_frames` frames
    are read again from position 0, and the next step follows them. They are read into a cache of their own, slice by slice while the old
    window is still in use.

    Args:
        frame_count: length of the take; None for a performance that ends when somebody says so.
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
    ) -> None:
        assert context_frames + 2 * decoder.config.codebook_count < window_steps <= decoder.config.position_count_max
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
        self._said = np.empty((decoder.config.codebook_count, _BLOCK_STEPS), np.int64)
        self._said_from = 0
        self._first_frame = 0
        self._forced: NDArray[np.int64] | None = None
        self._open_steps = 0
        self._unread = torch.empty(0, 0)
        self._next: CacheSlot | None = None
        # Frames before this one stand although steps were taken back; and what those steps said of them, -1 elsewhere.
        self._standing_frames = 0
        self._standing = np.empty((decoder.config.codebook_count, 0), np.int64)
        self._reserve(slot)

    def start_from_tokens(self, given: NDArray[np.int64]) -> None:
        """Starts from tokens that stand already, before the first step.

        Args:
            given: `[codebooks, frame_count]`, -1 where music is to be made. The frames before the first -1 are read at once (`prefill`) and
                not said again; later ones are put in the place of what would have been chosen.
        """
        assert self.frame_count is not None
        assert self.step == 0
        assert given.shape == (self._codebook_count, self.frame_count)
        books, steps = self._codebook_count, self.frame_count + self._config.delay_max
        forced = np.full((books, steps), -1, np.int64)
        is_open = np.zeros(steps, bool)
        for book in range(books):
            said_at = slice(self._delays[book], self._delays[book] + self.frame_count)
            forced[book, said_at] = given[book]
            is_open[said_at] |= given[book] < 0
        self._forced = forced
        self._open_steps = int(is_open.nonzero()[0].max()) + 1 if is_open.any() else 0
        known = (given >= 0).all(axis=0)
        prefix = self.frame_count if known.all() else int(known.argmin())
        self._said = np.concatenate([forced[:, :prefix], self._said], axis=1)
        self.step = prefix
        if prefix >= self._open_steps:
            self._say_the_rest()
        elif prefix:
            self._unread = self._inputs_at(prefix)

    @property
    def needs_prefill(self) -> bool:
        """Whether there is something to read before the next step: conditions that stand before the music, given tokens, or what those
        leave of the next window."""
        return self._unread.shape[1] > 0 or self.slot.prefix_left > 0 or self._is_behind

    @property
    def _is_behind(self) -> bool:
        """Whether a sequence that had come here by itself would have read more of the next window."""
        return self._ahead_length < self._ahead_due(self._steps_left + 1)

    def prefill(self, step_count: int) -> None:
        """Reads so many of those positions; in slices, so that others need not wait for all of them."""
        if self.slot.prefix_left:
            self._decoder.read_prefix(self.slot, step_count)
            return
        if self._unread.shape[1] == 0:
            for _ in range(max(1, step_count // _SLICE_POSITIONS)):
                if self._is_behind:
                    self._read_ahead()
            return
        self.slot.make_room(min(step_count, self._unread.shape[1]))
        self._decoder.read(self.slot, self._unread[:, :step_count].to(self._decoder.device))
        self._unread = self._unread[:, step_count:]

    @property
    def is_finished(self) -> bool:
        """Whether every frame has been said."""
        return self.frame_count is not None and self.step >= self.frame_count + self._config.delay_max

    @property
    def frames_ready(self) -> int:
        """Frames that all codebooks have spoken of."""
        ready = max(0, self.step - self._config.delay_max, self._standing_frames)
        return ready if self.frame_count is None else min(ready, self.frame_count)

    def frames(self, start: int, end: int) -> Tensor:
        """Codes `[codebooks, end - start]` of ready frames. A performance has those of its window and of a few seconds before it."""
        assert self._said_from <= start <= end <= self.frames_ready
        start, end = start - self._said_from, end - self._said_from
        parts = [row[start + delay : end + delay] for row, delay in zip(self._said, self._delays, strict=True)]
        return torch.from_numpy(np.stack(parts))

    def inputs(self) -> Tensor:
        """What the decoder reads next, `[codebooks]`: codebook k at step p reads frame p - 1 - delay(k), or the start token."""
        tokens = np.full(self._codebook_count, self._decoder.config.start_token)
        first = 0 if self.frame_count is None else max(0, self.step - self.frame_count)
        last = self.step - self._first_frame
        # Delays in [first, last) have a frame to tell; a channel's books share them.
        first, last = first * self._config.channel_count, min(self._codebook_count, last * self._config.channel_count)
        if first < last:
            tokens[first:last] = self._said[first:last, self.step - 1 - self._said_from]
        return torch.from_numpy(tokens)

    def accept(self, tokens: Tensor) -> None:
        """Takes the step's tokens `[codebooks]`."""
        if self.step - self._said_from >= self._said.shape[1]:
            self._make_room_to_say()
        said = tokens.numpy()
        if self._forced is not None:
            forced = self._forced[:, self.step]
            said = np.where(forced >= 0, forced, said)
        again = self.step - self._standing_frames
        if 0 <= again < self._standing.shape[1]:
            said = np.where(self._standing[:, again] >= 0, self._standing[:, again], said)
        self._said[:, self.step - self._said_from] = said
        self.step += 1
        if self._forced is not None and self.step >= self._open_steps:
            self._say_the_rest()

    def _make_room_to_say(self) -> None:
        """A take keeps all that it says; a performance, which may last for hours, a window and the longest chunk."""
        kept, known = self._window_steps + _BLOCK_STEPS, self._said.shape[1]
        if self.frame_count is None and known >= 2 * kept:
            self._said_from += known - kept
            self._said[:, :kept] = self._said[:, known - kept :].copy()
        else:
            self._said = np.concatenate([self._said, np.empty_like(self._said)], axis=1)

    def make_room(self) -> None:
        """Moves the window on where the next step would not fit; while that is near, reads a slice of what the moved one will hold."""
        left = self._steps_left
        while self._ahead_length < self._ahead_due(left):
            self._read_ahead()
        if left == 0:
            assert self._next is not None
            self.slot.take_over(self._next)
            self._next.forget()

    @property
    def _end_step(self) -> int | None:
        """Before which step the last one lies that chooses anything; None for a performance."""
        if self.frame_count is None:
            return None
        return self.frame_count + self._config.delay_max if self._forced is None else self._open_steps

    @property
    def _steps_left(self) -> int:
        """Steps that still fit into the window."""
        return self._window_steps - self.slot.music_length

    @property
    def _kept_steps(self) -> int:
        """Positions of music that a moved window begins with."""
        return self._config.delay_max + self._context_frames

    @property
    def _ahead_length(self) -> int:
        return 0 if self._next is None else self._next.length

    def _ahead_due(self, left: int) -> int:
        """How much of the next window, conditions included, is read before the step after which `left` - 1 still fit. Slices come evenly,
        none is due before its positions are known, and none at all where the take ends in this window."""
        kept, before = self._kept_steps, self.slot.conditioning.prefix_count
        ahead_steps = min(_AHEAD_STEPS, self._window_steps - kept, kept - 1)
        if self._end_step is not None and self.step + self._steps_left >= self._end_step:
            return 0
        if left == 0:
            return before + kept
        slices_before = -(-before // _SLICE_POSITIONS)
        slices = (slices_before + kept // _SLICE_POSITIONS) * max(0, ahead_steps - left) // ahead_steps
        return min(before, slices * _SLICE_POSITIONS) + max(0, slices - slices_before) * _SLICE_POSITIONS

    def _fresh_slot(self) -> CacheSlot:
        slot = CacheSlot(self._config, self.slot.conditioning)
        self._reserve(slot)
        return slot

    def _reserve(self, slot: CacheSlot) -> None:
        """Has the slot take room for a whole window at once where that costs nothing; else it takes what it needs."""
        if self._decoder.device.type == "cpu":
            steps = self._window_steps if self._end_step is None else min(self._window_steps, self._end_step)
            slot.reserve(slot.conditioning.prefix_count + steps)

    def _read_ahead(self) -> None:
        """Reads a slice of the next window. Slices begin at fixed places, whenever they are read: the caches are the same bits."""
        ahead = self._next = self._next or self._fresh_slot()
        ahead.conditioning, ahead.steering = self.slot.conditioning, self.slot.steering
        ahead.adaptive = None if self.slot.adaptive is None else self.slot.adaptive.fork()
        if ahead.prefix_left:
            self._decoder.read_prefix(ahead, _SLICE_POSITIONS)
            return
        first, start = self.step + self._steps_left - self._kept_steps, ahead.music_length
        inputs = self._inputs_from(first)[:, start : start + _SLICE_POSITIONS]
        self._decoder.read(ahead, inputs.to(self._decoder.device))

    def set_conditioning(self, conditioning: Conditioning) -> None:
        """Goes on under other conditions. Where they stand before the music, what the cache holds of the music (at most the frames that
        a moved window keeps) must be read again behind them: `prefill` does it in slices."""
        self.slot.conditioning, old = conditioning, self.slot.conditioning
        if conditioning.prefix is None:
            return
        held = max(0, self.slot.length - old.prefix_count) + self._unread.shape[1]
        first = self.step - held
        if held > self._context_frames + self._config.delay_max:
            first = self.frames_ready - self._context_frames
        self._unread = self._inputs_from(first)
        self._forget()

    def rewind(self) -> int:
        """Takes back what was said of frames that are not ready yet, so that they are said again under what is in force now.

        Returns how many steps that costs: none where the take's length is known, after a beginning, or while something is unread.
        """
        first, count = self.frames_ready, self.step - self.frames_ready
        if self.frame_count is not None or self.needs_prefill or self.slot.music_length <= 2 * self._config.delay_max:
            return 0
        at = first - self._said_from
        standing = self._said[:, at : at + self._config.delay_max].copy()
        for codebook, delay in enumerate(self._delays):
            standing[codebook, delay:] = -1  # from frame `first` on
        self._standing, self._standing_frames = standing, first
        self.step = first
        self.slot.drop_last(count)
        if self._next is not None:  # it holds no more than what is known now
            known = max(0, self._kept_steps - self._steps_left)
            self._next.drop_last(max(0, self._next.music_length - known))
        return count

    def reset(self) -> None:
        """Forgets what was said before now, as if the take began here; frames already said stay readable.

        The later codebooks finish the last few frames without having heard them.
        """
        self._unread = self._unread[:, :0]
        self._forget()
        self._first_frame = self.step

    def _forget(self) -> None:
        self.slot.forget()
        if self._next is not None:
            self._next.forget()

    def _say_the_rest(self) -> None:
        """From here on everything was given: there is nothing to choose."""
        assert self._forced is not None
        self._said = np.concatenate([self._said[:, : self.step], self._forced[:, self.step :]], axis=1)
        self.step = self._forced.shape[1]

    def _inputs_from(self, first: int) -> Tensor:
        """What the cache of a sequence that began at step `first` holds by now: `[codebooks, positions]`."""
        count = self.step - first
        return delayed_inputs(
            self._kept_codes(first, count),
            start_token=self._config.start_token,
            step_count=count,
            channel_count=self._config.channel_count,
        )

    def _inputs_at(self, step: int) -> Tensor:
        """What the cache of a sequence that came to `step` by itself would hold, with the moves of its window: `[codebooks, positions]`."""
        first, length = 0, 0
        for position in range(step):
            if length >= self._window_steps:
                first = position - self._config.delay_max - self._context_frames
                length = position - first
            length += 1
        return delayed_inputs(
            self._kept_codes(first, length),
            start_token=self._config.start_token,
            step_count=length,
            channel_count=self._config.channel_count,
        )

    @property
    def _codebook_count(self) -> int:
        return self._decoder.config.codebook_count

    def _kept_codes(self, first: int, count: int) -> Tensor:
        """Codes `[codebooks, count]` from frame `first` on; later codebooks know fewer frames, and the rest is never read."""
        codes, first = torch.full((self._codebook_count, count), self._config.start_token), first - self._said_from
        for codebook in range(self._codebook_count):
            known = self._said[codebook, first + self._delays[codebook] : self.step - self._said_from]
            codes[codebook, : known.shape[0]] = torch.from_numpy(known)
        return codes


def advance(decoder: Decoder, sequences: Sequence[TokenSequence], static_batch: StaticBatch | None = None) -> None:
    """One shared step of all sequences; those whose slots sit on the static batch take theirs there."""
    for sequence in sequences:
        sequence.make_room()
    if static_batch is None:
        _advance_freely(decoder, sequences)
        return
    staged = [sequence for sequence in sequences if static_batch.can_step(sequence.slot)]
    free = [sequence for sequence in sequences if not static_batch.can_step(sequence.slot)]
    if staged:
        chosen = static_batch.step(
            [sequence.slot for sequence in staged],
            torch.stack([sequence.inputs() for sequence in staged]),
            [sequence.sampling for sequence in staged],
            [sequence.step for sequence in staged],
        )
        _accept(staged, chosen)
    if free:
        _advance_freely(decoder, free)


def _advance_freely(decoder: Decoder, sequences: Sequence[TokenSequence]) -> None:
    tokens = torch.stack([sequence.inputs() for sequence in sequences])
    logits = decoder.advance([sequence.slot for sequence in sequences], tokens.to(decoder.device)).cpu()
    _accept(
        sequences,
        choose(logits, [sequence.sampling for sequence in sequences], [sequence.step for sequence in sequences]),
    )


def _accept(sequences: Sequence[TokenSequence], chosen: Tensor) -> None:
    for sequence, row in zip(sequences, chosen, strict=True):
        sequence.accept(row)
