"""Flash meter: opposing changes of brightness and of saturated red in any second of a video, after WCAG 2.3.1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from resonance.errors import InvalidInput

Wide = NDArray[np.float64]
FLASHES_MAX = 3
_GRID = 48
# A field of 341 x 256 of 1024 x 768 pixels is a third of the picture each way; a quarter of it has to change.
_FIELD, _FIELD_STEP = 16, 4
_CELLS_MIN = _FIELD * _FIELD // 4
_CELLS_NOW = 8
_STEP, _DARKER_MAX = 0.10, 0.8
_RED_STEP, _RED_SHARE = 20.0, 0.8
# Cells that change within so many frames of each other change together.
_TOGETHER = 3
# Times of pictures are rounded.
_INSTANT_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashReport:
    """The most flashes in any second, general and red, and where that second begins. A flash is a pair of opposing changes."""

    flashes_max: float
    red_flashes_max: float
    at_s: float

    @property
    def is_safe(self) -> bool:
        """No second has more than three flashes."""
        return max(self.flashes_max, self.red_flashes_max) <= FLASHES_MAX


def measure(path: Path) -> FlashReport:
    """Flashes of a video file. Raises InvalidInput where the file has no video track."""
    general, red = _Changes(_STEP), _Changes(_RED_STEP)
    times: list[float] = []
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except av.FFmpegError as failure:
        raise InvalidInput(f"the video cannot be read: {failure}", reason="NOT_VIDEO") from None
    with container:
        if not container.streams.video:
            raise InvalidInput("the file has no video track", reason="NO_VIDEO")
        stream = container.streams.video[0]
        # Blocks are not smoothed: it changes no mean of a cell that could be a flash, and takes a quarter of the decoding.
        stream.codec_context.options = {"skip_loop_filter": "all"}
        for number, frame in enumerate(container.decode(stream)):
            times.append(float(frame.time) if frame.time is not None else number / 24)
            linear = _linear(frame)
            luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
            general.add(luminance, luminance < _DARKER_MAX)
            total = linear.sum(axis=2)
            is_red = linear[..., 0] >= _RED_SHARE * np.maximum(total, 1e-6)
            redness = np.maximum(linear[..., 0] - linear[..., 1] - linear[..., 2], 0) * 320
            red.add(redness, is_red & (total > 1e-3), either=True)
    most, at_s = _most_in_a_second(general.transitions, times)
    red_most, red_at_s = _most_in_a_second(red.transitions, times)
    return FlashReport(flashes_max=most, red_flashes_max=red_most, at_s=at_s if most >= red_most else red_at_s)


class _Changes:
    """Finds changes of at least `step` per cell, and the fields in which enough cells change the same way together."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._low: Wide | None = None
        self._high: Wide = np.zeros(0)
        self._direction = np.zeros((_GRID, _GRID), np.int8)
        self._recent: list[NDArray[np.int8]] = []
        fields = (_GRID - _FIELD) // _FIELD_STEP + 1
        self._state = np.zeros((fields, fields), np.int8)
        self._may_low: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._number = 0
        # (frame, row, column) of each change of a field.
        self.transitions: list[tuple[int, int, int]] = []

    def add(self, values: Wide, allowed: NDArray[np.bool_], *, either: bool = False) -> None:
        """The next frame; a change counts where its darker end is `allowed`, or `either` end."""
        if self._low is None:
            self._low, self._high, self._may_low, self._may_high = (
                values.copy(),
                values.copy(),
                allowed.copy(),
                allowed.copy(),
            )
        low, high = self._low, self._high
        is_lower, is_higher = values < low, values > high
        self._may_low = np.where(is_lower, allowed, self._may_low)
        self._may_high = np.where(is_higher, allowed, self._may_high)
        low, high = np.minimum(low, values), np.maximum(high, values)
        may_rise = (self._may_low | allowed) if either else self._may_low
        may_fall = (self._may_high | allowed) if either else allowed
        rises = (values - low >= self._step) & (self._direction <= 0) & may_rise
        falls = (high - values >= self._step) & (self._direction >= 0) & may_fall & ~rises
        follows_up, follows_down = rises | (self._direction > 0), falls | (self._direction < 0)
        # After a rise the next fall counts from the highest value since, and the other way round.
        high = np.where(rises, values, high)
        low = np.where(falls, values, low)
        self._direction = np.where(rises, 1, np.where(falls, -1, self._direction)).astype(np.int8)
        low = np.where(follows_up & ~falls, np.where(rises, values, low), low)
        high = np.where(follows_down & ~rises, np.where(falls, values, high), high)
        self._low, self._high = low, high
        self._recent = [*self._recent, rises.astype(np.int8) - falls.astype(np.int8)][-_TOGETHER:]
        self._find_fields()
        self._number += 1

    def _find_fields(self) -> None:
        """A field changes one way where enough of its cells did lately, and most that change now do. At a cut, where cells change both
        ways at once, this is one change."""
        now = self._recent[-1]
        now_up, now_down = _fields(now > 0), _fields(now < 0)
        ups = _fields(np.any([changes > 0 for changes in self._recent], axis=0))
        downs = _fields(np.any([changes < 0 for changes in self._recent], axis=0))
        for counts, mine, others, sign in ((ups, now_up, now_down, 1), (downs, now_down, now_up, -1)):
            fired = (counts >= _CELLS_MIN) & (mine > others) & (mine >= _CELLS_NOW) & (self._state != sign)
            self._state[fired] = sign
            self.transitions += [
                (self._number, int(row), int(column)) for row, column in zip(*np.nonzero(fired), strict=True)
            ]


def _fields(cells: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many cells of each field are set."""
    sums = np.zeros((_GRID + 1, _GRID + 1), np.int64)
    sums[1:, 1:] = np.cumsum(np.cumsum(cells, axis=0), axis=1)
    starts = np.arange(0, _GRID - _FIELD + 1, _FIELD_STEP)
    ends = starts + _FIELD
    counts: NDArray[np.int64] = (
        sums[np.ix_(ends, ends)]
        - sums[np.ix_(starts, ends)]
        - sums[np.ix_(ends, starts)]
        + sums[np.ix_(starts, starts)]
    )
    return counts


def _most_in_a_second(transitions: list[tuple[int, int, int]], times: list[float]) -> tuple[float, float]:
    """Half the most changes of one field within any second, and where that second begins."""
    most, at_s = 0, 0.0
    by_field: dict[tuple[int, int], list[float]] = {}
    for number, row, column in transitions:
        by_field.setdefault((row, column), []).append(times[number])
    for changes in by_field.values():
        first = 0
        for last, at in enumerate(changes):
            while at - changes[first] >= 1.0 - _INSTANT_S:
                first += 1
            if last - first + 1 > most:
                most, at_s = last - first + 1, changes[first]
    return most / 2, at_s


def _linear(frame: av.VideoFrame) -> Wide:
    """The frame on the grid, in linear light, `[48, 48, 3]`."""
    small = frame.reformat(width=_GRID, height=_GRID, format="rgb24", interpolation="AREA")
    values = small.to_ndarray().astype(np.float64) / 255
    linear: Wide = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear
