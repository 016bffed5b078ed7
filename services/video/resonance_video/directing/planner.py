"""Planner of shots: sections are split at bars, and sizes, moves and poses follow each shot's purpose."""

from __future__ import annotations

from collections.abc import Sequence

from resonance_video.models import Aspect, ShotPlan, SongMap, Treatment


def direct(
    song_map: SongMap, treatment: Treatment, *, aspects: Sequence[Aspect] = ("9:16",), seed: int = 0
) -> ShotPlan:
    """The shot plan of a song and a treatment; equal arguments give equal plans. `find_faults` finds none in it."""
    raise NotImplementedError
