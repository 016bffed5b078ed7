"""Window of a take past the trained length: when it moves, and how far.

It moves by a period of the music. A model that was trained on windows from bar lines counts beats by position, and loses the beat in a
window that begins anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

# The next window's context is read in slices of so many positions, spread over so many steps before the window moves, so that no other
# take waits for it: 750 positions at once take a quarter of a second on a CPU, a slice as long as a step or two.
SLICE_POSITIONS: Final = 16
_READ_AHEAD_STEPS: Final = 512
_CONTEXT_SHARE: Final = 0.5
# Frames more that may stay, so that the window can move by whole bars: the longest bar, or part of two bars, has 256.
_SLACK_FRAMES: Final = 256
# The window of music that does not repeat moves by a multiple of this. It is a multiple of the sixteenths of all six tempi that the
# embedded model has: 4, 5, 6, 8, 10 and 12 frames.
GRID_FRAMES: Final = 120
# First frames of a take that stay at the beginning of every window, 5 s: a bar of every tempo.
_ANCHOR_FRAMES: Final = 256
# Share of tokens that must repeat for a shift to count as a period of the music.
AGREEMENT_MIN: Final = 0.2
# Frames that are compared, at least: a bar of a slow piece.
_COMPARED_MIN: Final = 128
# Codebooks that are compared. The first ones say what is played, the others how it sounds.
_BOOKS: Final = 2


def choose_context_sizes(window_steps: int, delay: int) -> tuple[int, int]:
    """Frames of music that stay when a window of so many positions moves, at least, and how many more may stay."""
    shift = window_steps - int(window_steps * _CONTEXT_SHARE) - delay
    if shift >= GRID_FRAMES:
        shift -= shift % GRID_FRAMES
    return window_steps - delay - shift, min(_SLACK_FRAMES, window_steps // 5)


def choose_anchor_frames(context_frames: int) -> int:
    """First frames of a take that every window keeps, at most a third of its context."""
    return min(_ANCHOR_FRAMES, context_frames // 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """Sizes of a take's windows, in positions of music.

    Attributes:
        size: positions of a whole window.
        context: positions that stay when the window moves, at least.
        slack: positions more that may stay, for the shift to be a period of the music.
        delay: steps by which the last codebook lags the first.
    """

    size: int
    context: int
    slack: int
    delay: int

    @property
    def reading_steps(self) -> int:
        """Steps before the window moves at which the reading of the next context begins at the earliest."""
        return min(_READ_AHEAD_STEPS, self.size - self.context, self.context - 1)

    @property
    def settled_frames(self) -> int:
        """Frames of a window that no rewind can change any more when that reading begins."""
        return max(0, self.size - self.reading_steps - 2 * self.delay)

    def choose_context(self, codes: NDArray[np.int64]) -> int:
        """Positions that stay, chosen by the window's settled frames, `[codebooks, frames]`.

        A resumed take has the same frames and chooses the same.
        """
        farthest = self.size - self.context
        return self.size - (find_period(codes, farthest - self.slack, farthest) if self.slack else farthest)

    def due_positions(self, left: int, context: int, prefix: int) -> int:
        """Positions of the next window, prefix included, to be read before the step after which `left` - 1 steps fit.

        Slices are spread evenly, and none is due before its tokens are chosen.
        """
        if left == 0:
            return prefix + context
        steps = min(self.reading_steps, self.size - context)
        prefix_slices = -(-prefix // SLICE_POSITIONS)
        slices = (prefix_slices + context // SLICE_POSITIONS) * max(0, steps - left) // steps
        return min(prefix, slices * SLICE_POSITIONS) + max(0, slices - prefix_slices) * SLICE_POSITIONS


def find_period(codes: NDArray[np.int64], lowest: int, highest: int) -> int:
    """Number of frames from `lowest` to `highest` after which the music repeats best; `highest` where it does not repeat."""
    compared = codes.shape[1] - highest
    if compared < _COMPARED_MIN:
        return highest
    recent = codes[:_BOOKS, -compared:]
    past = sliding_window_view(codes[:_BOOKS, : codes.shape[1] - lowest], compared, axis=1)
    agreement = (past == recent[:, None]).mean(axis=(0, 2))  # by shift, from `highest` down to `lowest`
    best = int(agreement.argmax())
    return highest - best if agreement[best] >= AGREEMENT_MIN else highest
