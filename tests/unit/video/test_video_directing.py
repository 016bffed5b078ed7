"""Shot plans: laws of every plan, faults with their paths, and edits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.video import song_map

from resonance.errors import InvalidInput, NotFound
from resonance_video.directing import change_shot, direct, find_faults, move_cut, require_faultless, scene_request
from resonance_video.models import Purpose, ShotPlan, SongMap
from resonance_video.treatment import read_concept

CONCEPT = "a woman in a red coat walks through the city at night"
MAP = song_map(20.0)
TREATMENT = read_concept(CONCEPT, MAP)
PLAN = direct(MAP, TREATMENT)


@settings(max_examples=30, deadline=None)
@given(
    duration_s=st.floats(1.5, 240).map(lambda value: round(value, 3)),
    bpm=st.one_of(st.none(), st.floats(30, 300)),
    energies=st.lists(st.floats(0, 1), min_size=1, max_size=7).map(tuple),
    concept=st.sampled_from([CONCEPT, "", "nobody in the forest", "a pianist in a room, then the clouds", "dancing"]),
    seed=st.integers(0, 99),
)
def test_every_plan_is_faultless(
    duration_s: float, bpm: float | None, energies: tuple[float, ...], concept: str, seed: int
) -> None:
    heard = song_map(duration_s, bpm=bpm, energies=energies)
    treatment = read_concept(concept, heard, seed=seed)
    plan = direct(heard, treatment, aspects=("9:16", "1:1", "16:9"), seed=seed)
    assert find_faults(plan, heard, treatment) == []
    assert direct(heard, treatment, aspects=("9:16", "1:1", "16:9"), seed=seed) == plan
    assert ShotPlan.from_json(plan.to_json()) == plan


def test_cuts_lie_on_cue_points_where_there_are_any() -> None:
    cues = {round(cue.at_s * 24) for cue in MAP.cue_points}
    assert all(shot.start_frame in cues for shot in PLAN.shots[1:])


def test_shots_of_a_loud_section_are_shorter_and_climax() -> None:
    heard = song_map(60.0, energies=(0.05, 1.0))
    plan = direct(heard, read_concept(CONCEPT, heard))
    quiet = [shot.frame_count for shot in plan.shots if shot.section == 0]
    loud = [shot.frame_count for shot in plan.shots if shot.section == 1]
    assert sum(quiet) / len(quiet) > sum(loud) / len(loud)
    assert any(shot.purpose is Purpose.CLIMAX for shot in plan.shots if shot.section == 1)


def edited(number: int, **changes: Any) -> ShotPlan:
    shots = list(PLAN.shots)
    shots[number] = shots[number].model_copy(update=changes)
    return PLAN.model_copy(update={"shots": tuple(shots)})


@pytest.mark.parametrize(
    ("number", "changes", "path"),
    [
        (0, {"start_frame": -5}, "shots[0].start_frame"),
        (1, {"start_frame": PLAN.shots[1].start_frame + 3}, "shots[1].start_frame"),
        (1, {"start_frame": PLAN.shots[1].start_frame - 3}, "shots[1].start_frame"),
        (-1, {"end_frame": PLAN.frames + 40}, f"shots[{len(PLAN.shots) - 1}].end_frame"),
        (1, {"id": PLAN.shots[0].id}, "shots[1].id"),
        (1, {"character_ids": ("stranger",)}, "shots[1].character_ids[0]"),
        (1, {"direction": "the woman wears a green coat"}, "shots[1].direction"),
        (1, {"summary": "word " * 60}, "shots[1].summary"),
        (0, {"purpose": Purpose.DEVELOP}, "shots[0].purpose"),
        (-1, {"purpose": Purpose.DEVELOP}, f"shots[{len(PLAN.shots) - 1}].purpose"),
        (1, {"palette": PLAN.shots[1].palette[:1]}, "shots[1].palette"),
        (1, {"cut_reason": ""}, ""),
        (1, {"size": PLAN.shots[0].size, "move": PLAN.shots[0].move}, "shots[1].size"),
    ],
)
def test_a_fault_is_named_by_the_path_of_its_field(number: int, changes: dict[str, Any], path: str) -> None:
    paths = [fault.path for fault in find_faults(edited(number, **changes), MAP, TREATMENT)]
    assert (path in paths) if path else (paths == [])


def test_another_songs_plan_is_a_fault_and_refused_with_all_violations() -> None:
    other = song_map(10.0, sha256="1" * 64)
    with pytest.raises(InvalidInput) as refusal:
        require_faultless(PLAN, other, TREATMENT)
    assert {"frames", "song_sha256"} <= {violation.field for violation in refusal.value.violations}


def test_a_direction_that_agrees_with_the_locked_coat_is_no_contradiction() -> None:
    assert find_faults(edited(1, direction="her red coat in the wind"), MAP, TREATMENT) == []


def test_fields_of_a_shot_are_changed_and_its_times_are_not() -> None:
    shot = PLAN.shots[1]
    changed = change_shot(PLAN, shot.id, {"staging": {"place": "forest"}, "direction": "among firs"}).shots[1]
    assert (changed.staging.place, changed.staging.pose) == ("forest", shot.staging.pose)
    assert (changed.start_frame, changed.end_frame) == (shot.start_frame, shot.end_frame)
    for field in ("start_frame", "id", "colour_of_the_sky"):
        with pytest.raises(InvalidInput) as refusal:
            change_shot(PLAN, shot.id, {field: 3})
        assert refusal.value.violations[0].field == field
    with pytest.raises(InvalidInput):
        change_shot(PLAN, shot.id, {"staging": {"place": "moon base"}})
    with pytest.raises(NotFound):
        change_shot(PLAN, "shot-999", {})


def test_a_cut_moves_between_its_neighbours_and_no_further() -> None:
    shot = PLAN.shots[1]
    moved = move_cut(PLAN, shot.id, shot.start_frame + 5)
    assert moved.shots[0].end_frame == moved.shots[1].start_frame == shot.start_frame + 5
    assert find_faults(moved, MAP, TREATMENT) == []
    for frame in (0, -9, PLAN.frames, 10**9):
        with pytest.raises(InvalidInput):
            move_cut(PLAN, shot.id, frame)
    with pytest.raises(InvalidInput):
        move_cut(PLAN, PLAN.shots[0].id, 5)


@pytest.mark.parametrize(("field", "value"), [("fps", float("nan")), ("frames", -1), ("frames", "many"), ("shots", [])])
def test_a_plan_that_is_no_plan_is_refused_with_its_field(field: str, value: object) -> None:
    import json

    document = PLAN.model_dump(mode="json") | {field: value}
    with pytest.raises(InvalidInput) as refusal:
        ShotPlan.from_json(json.dumps(document))
    assert any(violation.field == field for violation in refusal.value.violations) or value != value


def test_a_request_holds_the_song_under_its_shot_alone() -> None:
    shot = PLAN.shots[2]
    request = scene_request(PLAN, shot, MAP, TREATMENT, aspect="1:1")
    assert request.song.frames.level == MAP.frames.level[shot.start_frame : shot.end_frame]
    inside = [beat for beat in request.song.beats if 0 <= beat < shot.frame_count]
    assert len(inside) == sum(shot.start_frame <= round(beat * 24, 3) < shot.end_frame for beat in MAP.beats_s)
    assert scene_request(PLAN, shot, MAP, TREATMENT, aspect="1:1", seed=1) != request


def test_a_song_without_bars_is_cut_all_the_same() -> None:
    heard: SongMap = song_map(30.0, bpm=None)
    assert len(direct(heard, read_concept("", heard)).shots) >= 4
