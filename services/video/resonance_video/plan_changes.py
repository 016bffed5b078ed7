"""Changes of a plan by its owner: treatment, fields of shots, cuts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resonance.errors import NotFound, invalid_field
from resonance_video.directing import change_shot, direct, move_cut, require_faultless
from resonance_video.models import ShotPlan, Treatment
from resonance_video.planned import PlannedVideo
from resonance_video.video_document import VideoDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotEdit:
    """Changes of one shot: fields of it, and the frame at which it begins from now on."""

    shot_id: str
    changes: Mapping[str, Any]
    start_frame: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPlan:
    """The documents after a change, and the shots whose scenes it makes anew."""

    treatment: Treatment
    plan: ShotPlan
    changed: frozenset[str]


def change_plan(before: PlannedVideo, treatment_json: str, edits: Sequence[ShotEdit]) -> ChangedPlan:
    """The plan after all changes, which are checked together.

    Raises:
        NotFound: there is no such shot.
        InvalidInput: a change is wrong, or the plan would have faults.
    """
    treatment, plan = before.treatment, before.plan
    if treatment_json:
        treatment = Treatment.from_json(treatment_json)
        plan = direct(before.song_map, treatment, aspects=plan.aspects, seed=plan.seed)
    for edit in edits:
        if edit.changes:
            plan = change_shot(plan, edit.shot_id, edit.changes)
        if edit.start_frame is not None:
            plan = move_cut(plan, edit.shot_id, edit.start_frame)
    require_faultless(plan, before.song_map, treatment)
    return ChangedPlan(treatment=treatment, plan=plan, changed=_changed_shots(before, treatment, plan))


def read_changes(text: str, field: str) -> Mapping[str, Any]:
    """The fields of a shot that change. Raises InvalidInput for a text that is no JSON object."""
    try:
        changes = json.loads(text) if text else {}
    except ValueError:
        raise invalid_field(field, "MALFORMED", "must be a JSON object") from None
    if not isinstance(changes, dict):
        raise invalid_field(field, "MALFORMED", "must be a JSON object")
    return changes


def check_shot(document: VideoDocument, shot_id: str) -> None:
    """Raises NotFound (NO_SUCH_SHOT) where the video has no such shot."""
    if document.shot(shot_id) is None:
        raise NotFound(f"this video has no shot {shot_id}", reason="NO_SUCH_SHOT")


def _changed_shots(before: PlannedVideo, treatment: Treatment, plan: ShotPlan) -> frozenset[str]:
    """A shot is changed where its own fields are, or where the treatment draws all of them anew."""
    old = {shot.id: shot for shot in before.plan.shots}
    is_redrawn = treatment.style != before.treatment.style or treatment.characters != before.treatment.characters
    return frozenset(shot.id for shot in plan.shots if is_redrawn or old.get(shot.id) != shot)
