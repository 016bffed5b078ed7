"""Edits of a plan by a person: fields of one shot, or the place of one cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from resonance.errors import InvalidInput, NotFound, invalid_field, violation
from resonance_video.directing.cutting import frames_max, frames_min
from resonance_video.models import Shot, ShotPlan
from resonance_video.models.document import invalid_document

_FIXED = ("id", "start_frame", "end_frame", "section", "energy", "cut_reason")
_MOVED_REASON = "moved by hand"


def change_shot(plan: ShotPlan, shot_id: str, changes: Mapping[str, Any]) -> ShotPlan:
    """The plan with fields of one shot changed; its id and times stay.

    Raises:
        NotFound: the plan has no such shot.
        InvalidInput: a field is unknown or may not be changed, or a value is not valid.
    """
    place = _place_of(plan, shot_id)
    wrong = [name for name in changes if name in _FIXED or name not in Shot.model_fields]
    if wrong:
        free = ", ".join(name for name in Shot.model_fields if name not in _FIXED)
        raise InvalidInput(
            f"{wrong[0]} of a shot cannot be changed; these can: {free}",
            reason="FIXED_FIELD",
            violations=tuple(violation(name, "FIXED_FIELD", "cannot be changed") for name in wrong),
        )
    try:
        changed = Shot.model_validate(plan.shots[place].model_dump(mode="json") | _merged(plan.shots[place], changes))
    except ValidationError as failure:
        raise invalid_document("shot", failure) from None
    return plan.model_copy(update={"shots": (*plan.shots[:place], changed, *plan.shots[place + 1 :])})


def move_cut(plan: ShotPlan, shot_id: str, start_frame: int) -> ShotPlan:
    """The plan with the cut at the start of `shot_id` moved; the shot before it and this one change their lengths.

    Raises:
        NotFound: the plan has no such shot.
        InvalidInput: it is the first shot, or one of both shots would be shorter or longer than a shot may be.
    """
    place = _place_of(plan, shot_id)
    if place == 0:
        raise invalid_field("start_frame", "FIRST_SHOT", "the first shot begins with the song")
    before, shot = plan.shots[place - 1], plan.shots[place]
    shortest, longest = frames_min(plan.fps), frames_max(plan.fps)
    earliest = max(before.start_frame + shortest, shot.end_frame - longest)
    latest = min(shot.end_frame - shortest, before.start_frame + longest)
    if not earliest <= start_frame <= latest:
        raise invalid_field("start_frame", "CUT_OUTSIDE", f"the cut can be moved to frames {earliest} to {latest}")
    moved = (
        before.model_copy(update={"end_frame": start_frame}),
        shot.model_copy(update={"start_frame": start_frame, "cut_reason": _MOVED_REASON}),
    )
    return plan.model_copy(update={"shots": (*plan.shots[: place - 1], *moved, *plan.shots[place + 1 :])})


def _place_of(plan: ShotPlan, shot_id: str) -> int:
    for place, shot in enumerate(plan.shots):
        if shot.id == shot_id:
            return place
    raise NotFound(f"the plan has no shot {shot_id!r}", reason="SHOT_NOT_FOUND")


def _merged(shot: Shot, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes; of `staging` the named fields alone."""
    merged = dict(changes)
    if isinstance(merged.get("staging"), Mapping):
        merged["staging"] = shot.staging.model_dump(mode="json") | dict(merged["staging"])
    return merged
