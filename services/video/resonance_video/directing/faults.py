"""Faults of a shot plan, each with the path of its field."""

from __future__ import annotations

from dataclasses import dataclass

from resonance_video.models import ShotPlan, SongMap, Treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of a plan: the path of the field (`shots[3].end_frame`) and a sentence."""

    path: str
    message: str


def find_faults(
    plan: ShotPlan, song_map: SongMap, treatment: Treatment, *, shot_s_max: float | None = None
) -> list[Fault]:
    """All faults of the plan, in the order of its fields; `shot_s_max` is the provider's longest scene (default: the embedded one's)."""
    raise NotImplementedError


def require_faultless(plan: ShotPlan, song_map: SongMap, treatment: Treatment) -> None:
    """Raises InvalidInput with a violation for each fault."""
    raise NotImplementedError
