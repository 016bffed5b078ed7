"""Edits of a plan by a person: fields of one shot, or the place of one cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resonance_video.models import ShotPlan


def change_shot(plan: ShotPlan, shot_id: str, changes: Mapping[str, Any]) -> ShotPlan:
    """The plan with fields of one shot changed; its id and times stay.

    Raises:
        NotFound: the plan has no such shot.
        InvalidInput: a field is unknown or may not be changed, or a value is not valid.
    """
    raise NotImplementedError


def move_cut(plan: ShotPlan, shot_id: str, start_frame: int) -> ShotPlan:
    """The plan with the cut at the start of `shot_id` moved; the shot before it and this one change their lengths.

    Raises:
        NotFound: the plan has no such shot.
        InvalidInput: it is the first shot, or one of both shots would be shorter or longer than a shot may be.
    """
    raise NotImplementedError
