"""Chosen ranges of tracks in `time_select`, as stretches of samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resonance.errors import InvalidInput
from resonance.v1 import steering_pb2

# Less music than this describes one moment and not a taste.
TASTE_S_MIN = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of a track, in samples; `end` is the first one after it."""

    start: int
    end: int


def is_chosen(options: steering_pb2.TasteOptions, track_index: int) -> bool:
    """True where a part of the track is chosen. Outside `time_select` all tracks are."""
    if options.mix_mode != steering_pb2.MIX_MODE_TIME_SELECT:
        return True
    return any(one.track_index == track_index for one in options.ranges)


def chosen_s(options: steering_pb2.TasteOptions) -> float:
    """The seconds that the ranges hold, each second once. Tracks may end earlier."""
    indices = {one.track_index for one in options.ranges}
    joined = [one for index in indices for one in _joined(_find_ranges(options, index))]
    return round(sum(end - start for start, end in joined), 6)


def join_ranges(options: steering_pb2.TasteOptions, track_index: int) -> list[tuple[float, float]]:
    """The chosen seconds of a track, joined where they touch; empty where all of it is taken."""
    if options.mix_mode != steering_pb2.MIX_MODE_TIME_SELECT:
        return []
    return _joined(_find_ranges(options, track_index))


def select_stretches(
    options: steering_pb2.TasteOptions, track_index: int, *, sample_count: int, sample_rate_hz: int, least_s: float
) -> tuple[Stretch, ...]:
    """The chosen stretches of a track of `sample_count` samples, in order; empty means the whole track.

    Ranges are cut at the track's end, and joined where they touch or overlap.

    Raises:
        InvalidInput: a range begins after the track's end (RANGE_OUTSIDE_TRACK), or what is left of one is shorter than `least_s`
            (RANGE_TOO_SHORT). The message is shown to the user.
    """
    if options.mix_mode != steering_pb2.MIX_MODE_TIME_SELECT:
        return ()
    ranges = [
        (round(start_s * sample_rate_hz), min(round(end_s * sample_rate_hz), sample_count))
        for start_s, end_s in _find_ranges(options, track_index)
    ]
    duration_s = sample_count / sample_rate_hz
    if outside := [start for start, _ in ranges if start >= sample_count]:
        message = f"The range from {outside[0] / sample_rate_hz:g} s lies past the track's end at {duration_s:.1f} s."
        raise InvalidInput(message, reason="RANGE_OUTSIDE_TRACK")
    joined = _joined(ranges)
    for start, end in joined:
        if (length_s := (end - start) / sample_rate_hz) < least_s:
            message = f"The range from {start / sample_rate_hz:g} s holds {length_s:.1f} s; at least {least_s:g} s are needed."
            raise InvalidInput(message, reason="RANGE_TOO_SHORT")
    return (
        () if joined == [(0, sample_count)] else tuple(Stretch(start=int(start), end=int(end)) for start, end in joined)
    )


def check_length(options: steering_pb2.TasteOptions) -> None:
    """Raises InvalidInput (TOO_LITTLE_MUSIC) where the ranges of `time_select` hold less than a taste needs."""
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT and chosen_s(options) < TASTE_S_MIN:
        raise too_little(chosen_s(options), is_chosen=True)


def too_little(length_s: float, *, is_chosen: bool) -> InvalidInput:
    """The refusal of less music than TASTE_S_MIN. `is_chosen` says that the caller chose the ranges."""
    there = "the chosen ranges hold" if is_chosen else "there are"
    return InvalidInput(
        f"{there} {length_s:.1f} s of music{'' if is_chosen else ' here'}; a taste needs at least {TASTE_S_MIN:g} s",
        reason="TOO_LITTLE_MUSIC",
    )


def _find_ranges(options: steering_pb2.TasteOptions, track_index: int) -> list[tuple[float, float]]:
    return [(one.start_s, one.end_s) for one in options.ranges if one.track_index == track_index]


def _joined(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
