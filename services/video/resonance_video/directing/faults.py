"""Faults of a shot plan, each with the path of its field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from resonance.errors import InvalidInput, violation
from resonance_video.colours import contrast, distance, to_rgb
from resonance_video.directing.cutting import FREE_REASON, frames_max, frames_min
from resonance_video.directing.planner import frame_count
from resonance_video.directing.summaries import words_max
from resonance_video.models import (
    SHOT_S_MAX,
    SHOT_S_MIN,
    SUMMARY_LETTERS_MAX,
    Purpose,
    Shot,
    ShotPlan,
    SongMap,
    Treatment,
)
from resonance_video.treatment.garments import read_garments
from resonance_video.treatment.words import ConceptWords

HERO_CONTRAST_MIN = 1.5
_LOUD = 0.5
_SAME_COLOUR = 22.0
_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of a plan: the path of the field (`shots[3].end_frame`) and a sentence."""

    path: str
    message: str


def find_faults(
    plan: ShotPlan, song_map: SongMap, treatment: Treatment, *, shot_s_max: float | None = None
) -> list[Fault]:
    """All faults of the plan, in the order of its fields; `shot_s_max` is the provider's longest scene (default: the embedded one's)."""
    return [
        *_faults_of_grid(plan, song_map),
        *_faults_of_times(plan, shot_s_max or SHOT_S_MAX),
        *_faults_of_cuts(plan, song_map),
        *_faults_of_ids(plan, treatment),
        *_faults_of_story(plan, song_map),
        *(fault for place, shot in enumerate(plan.shots) for fault in _faults_of_shot(place, shot, plan, treatment)),
    ]


def require_faultless(
    plan: ShotPlan, song_map: SongMap, treatment: Treatment, *, shot_s_max: float | None = None
) -> None:
    """Raises InvalidInput with a violation for each fault."""
    faults = find_faults(plan, song_map, treatment, shot_s_max=shot_s_max)
    if faults:
        raise InvalidInput(
            f"the plan has {len(faults)} faults; the first: {faults[0].path}: {faults[0].message}",
            reason="FAULTY_PLAN",
            violations=tuple(violation(fault.path, "FAULTY_PLAN", fault.message) for fault in faults),
        )


def _faults_of_grid(plan: ShotPlan, song_map: SongMap) -> Iterator[Fault]:
    frames = frame_count(song_map.duration_s, plan.fps)
    if plan.frames != frames:
        yield Fault(path="frames", message=f"is {plan.frames}; the song has {frames} frames at {plan.fps} a second")
    if plan.song_sha256 != song_map.sha256:
        yield Fault(path="song_sha256", message="is another song's")


def _faults_of_times(plan: ShotPlan, shot_s_max: float) -> Iterator[Fault]:
    shortest, longest = frames_min(plan.fps), frames_max(plan.fps, shot_s_max)
    if plan.shots[0].start_frame != 0:
        yield Fault(path="shots[0].start_frame", message="the first shot begins at frame 0")
    for place, (shot, after) in enumerate(pairwise(plan.shots)):
        if after.start_frame != shot.end_frame:
            kind = "a gap" if after.start_frame > shot.end_frame else "an overlap"
            yield Fault(path=f"shots[{place + 1}].start_frame", message=f"leaves {kind} after frame {shot.end_frame}")
    if plan.shots[-1].end_frame != plan.frames:
        yield Fault(
            path=f"shots[{len(plan.shots) - 1}].end_frame", message=f"the last shot ends at frame {plan.frames}"
        )
    for place, shot in enumerate(plan.shots):
        if not shortest <= shot.frame_count <= longest:
            message = f"the shot has {shot.frame_count} frames; allowed are {shortest} to {longest} ({SHOT_S_MIN} to {shot_s_max} s)"
            yield Fault(path=f"shots[{place}].end_frame", message=message)


def _faults_of_cuts(plan: ShotPlan, song_map: SongMap) -> Iterator[Fault]:
    cues = {round(cue.at_s * plan.fps) for cue in song_map.cue_points}
    for place, shot in enumerate(plan.shots[1:], start=1):
        if shot.start_frame not in cues and not shot.cut_reason:
            yield Fault(path=f"shots[{place}].start_frame", message="the cut is on no cue point and has no reason")
        elif shot.start_frame not in cues and shot.cut_reason in {cue.why for cue in song_map.cue_points}:
            message = f"there is no cue {shot.cut_reason!r} at this cut; {FREE_REASON!r} says that it is free"
            yield Fault(path=f"shots[{place}].cut_reason", message=message)


def _faults_of_ids(plan: ShotPlan, treatment: Treatment) -> Iterator[Fault]:
    known = {character.id for character in treatment.characters}
    seen: set[str] = set()
    for place, shot in enumerate(plan.shots):
        if shot.id in seen:
            yield Fault(path=f"shots[{place}].id", message=f"{shot.id!r} is used twice")
        seen.add(shot.id)
        for number, character in enumerate(shot.character_ids):
            if character not in known:
                yield Fault(
                    path=f"shots[{place}].character_ids[{number}]", message=f"there is no character {character!r}"
                )


def _faults_of_story(plan: ShotPlan, song_map: SongMap) -> Iterator[Fault]:
    if len(plan.shots) > 1 and plan.shots[0].purpose is not Purpose.ESTABLISH:
        yield Fault(path="shots[0].purpose", message="the first shot establishes")
    if plan.shots[-1].purpose is not Purpose.RESOLVE:
        yield Fault(path=f"shots[{len(plan.shots) - 1}].purpose", message="the last shot resolves")
    is_loud = any(section.energy >= _LOUD for section in song_map.sections)
    inner = plan.shots[1:-1]
    if (
        is_loud
        and inner
        and any(song_map.sections[min(shot.section, len(song_map.sections) - 1)].energy >= _LOUD for shot in inner)
    ) and all(shot.purpose is not Purpose.CLIMAX for shot in inner):
        yield Fault(path="shots", message="a section of the song is loud, and no shot is a climax")
    for place, (shot, after) in enumerate(pairwise(plan.shots)):
        if (shot.size, shot.move) == (after.size, after.move):
            yield Fault(path=f"shots[{place + 1}].size", message="two neighbours have the same size and move")


def _faults_of_shot(place: int, shot: Shot, plan: ShotPlan, treatment: Treatment) -> Iterator[Fault]:
    path = f"shots[{place}]"
    if len(shot.summary) > SUMMARY_LETTERS_MAX:
        yield Fault(path=f"{path}.summary", message=f"has {len(shot.summary)} letters; at most {SUMMARY_LETTERS_MAX}")
    words, most = len(shot.summary.split()), words_max(shot.frame_count / plan.fps)
    if words > most:
        yield Fault(path=f"{path}.summary", message=f"has {words} words; {most} can be spoken in this shot")
    if shot.palette:
        yield from _faults_of_palette(path, shot, treatment)
    for field in ("direction", "motion", "summary"):
        yield from _contradictions(f"{path}.{field}", getattr(shot, field), shot, treatment)


def _faults_of_palette(path: str, shot: Shot, treatment: Treatment) -> Iterator[Fault]:
    """A hero is seen by its clothes or by the rim light in the palette's accent."""
    if len(shot.palette) < 3:
        yield Fault(path=f"{path}.palette", message="has fewer than three colours: ground, light, accent")
        return
    ground = to_rgb(shot.palette[0].hex)
    heroes = [shot.palette[2].hex]
    for character in treatment.characters:
        if character.id in shot.character_ids:
            heroes += [
                character.locked[name] for name in ("coat", "scarf") if _HEX.fullmatch(character.locked.get(name, ""))
            ]
    if max(contrast(to_rgb(hero), ground) for hero in heroes) < HERO_CONTRAST_MIN:
        yield Fault(
            path=f"{path}.palette", message=f"nothing of the hero has {HERO_CONTRAST_MIN} : 1 against the ground"
        )


def _contradictions(path: str, text: str, shot: Shot, treatment: Treatment) -> Iterator[Fault]:
    named, _ = read_garments(ConceptWords(text))
    for character in treatment.characters:
        if character.id not in shot.character_ids:
            continue
        for attribute, (colour, word) in named.items():
            kept = character.locked.get(attribute, "")
            if _HEX.fullmatch(kept) and distance(to_rgb(kept), to_rgb(colour)) > _SAME_COLOUR:
                yield Fault(path=path, message=f"the {word} is locked to {kept} and cannot be {colour}")
