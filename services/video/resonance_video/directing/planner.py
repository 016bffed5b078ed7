"""Planner of shots: sections are split at bars, and sizes, moves and poses follow each shot's purpose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from resonance_video.directing import staging
from resonance_video.directing.cutting import CutPoint, find_cuts
from resonance_video.directing.summaries import direction_of, motion_of, subject_of, summary_of
from resonance_video.models import (
    FPS,
    Aspect,
    Hour,
    Purpose,
    Shot,
    ShotMove,
    ShotPlan,
    ShotSize,
    SongMap,
    Staging,
    Treatment,
)

# Attributes whose sameness a scene's maker is reminded of.
_KEPT = ("coat", "hair", "scarf", "build", "hat", "carries")


def direct(
    song_map: SongMap, treatment: Treatment, *, aspects: Sequence[Aspect] = ("9:16",), seed: int = 0
) -> ShotPlan:
    """The shot plan of a song and a treatment; equal arguments give equal plans. `find_faults` finds none in it."""
    frames = frame_count(song_map.duration_s)
    cuts = find_cuts(song_map, fps=FPS, frames=frames)
    return ShotPlan(
        fps=FPS,
        frames=frames,
        aspects=tuple(dict.fromkeys(aspects)),
        visual_summary=_visual_summary(treatment),
        shots=_Director(song_map, treatment, cuts, frames, seed).shots(),
        song_sha256=song_map.sha256,
        treatment_digest=treatment.digest(),
        seed=seed,
    )


def frame_count(duration_s: float, fps: int = FPS) -> int:
    """Frames of a video of that length; the last one may be shorter than the others."""
    return max(1, math.ceil(duration_s * fps - 1e-6))


def hour_at(treatment: Treatment, share: float) -> Hour:
    """The hour that is nearest at that share of the video."""
    return treatment.environment.hour.start if share < 0.5 else treatment.environment.hour.end


class _Director:
    """Makes the shots one after the other, each with a look at the one before."""

    def __init__(self, song_map: SongMap, treatment: Treatment, cuts: list[CutPoint], frames: int, seed: int) -> None:
        self._song, self._treatment, self._cuts, self._frames = song_map, treatment, cuts, frames
        self._random = Random(f"{seed}/{treatment.seed}")
        ends = [cut.frame for cut in cuts[1:]] + [frames]
        self._spans = list(zip([cut.frame for cut in cuts], ends, strict=True))
        self._sections = [self._section_of(start, end) for start, end in self._spans]
        climax = staging.climax_of(song_map.sections)
        self._purposes = staging.purposes_of(song_map.sections, self._sections, climax)

    def shots(self) -> tuple[Shot, ...]:
        """All shots in order."""
        shots: list[Shot] = []
        framing: tuple[ShotSize, ShotMove] | None = None
        for number in range(len(self._spans)):
            framing = staging.frame_choice(self._purposes[number], framing, self._vocal(number), self._random)
            shots.append(self._shot(number, *framing, shots[-1] if shots else None))
        return tuple(shots)

    def _shot(self, number: int, size: ShotSize, move: ShotMove, before: Shot | None) -> Shot:
        start, end = self._spans[number]
        treatment, purpose = self._treatment, self._purposes[number]
        section = self._song.sections[self._sections[number]]
        share = (start + end) / 2 / self._frames
        place = staging.place_at(treatment, self._place_share(number))
        weather = staging.weather_at(treatment, share)
        pose = staging.pose_of(purpose, place, treatment, section.energy, number, self._random)
        instrument = staging.instrument_of(pose, treatment)
        return Shot(
            id=f"shot-{number + 1:03d}",
            start_frame=start,
            end_frame=end,
            section=self._sections[number],
            purpose=purpose,
            size=size,
            move=move,
            staging=Staging(
                place=place,
                hour=treatment.environment.hour,
                weather=weather,
                pose=pose,
                instrument=instrument,
                seed=self._random.randrange(2**31),
            ),
            direction=direction_of(treatment, place, pose, instrument, section.energy),
            motion=motion_of(move, section.energy),
            character_ids=tuple(character.id for character in treatment.characters[:1]),
            constraints=_constraints(treatment),
            palette=treatment.style.palette,
            transition=staging.transition_of(number, len(self._spans), place, before.staging.place if before else None),
            cut_reason=self._cuts[number].why,
            energy=section.energy,
            summary=summary_of(
                treatment,
                size=size,
                place=place,
                pose=pose,
                instrument=instrument,
                hour=hour_at(treatment, share),
                weather=weather,
                seconds=(end - start) / FPS,
            ),
        )

    def _place_share(self, number: int) -> float:
        """The share at which the shot's place is chosen: its section's start, so that a section stays in one place; the last shot's end."""
        if self._purposes[number] is Purpose.RESOLVE:
            return 1.0
        starts = [
            self._spans[other][0]
            for other in range(len(self._spans))
            if self._sections[other] == self._sections[number]
        ]
        is_long = len(self._song.sections) < len(self._treatment.environment.places) + 1
        return (self._spans[number][0] if is_long else starts[0]) / self._frames

    def _section_of(self, start: int, end: int) -> int:
        middle = (start + end) / 2 / FPS
        sections = self._song.sections
        return next((place for place, section in enumerate(sections) if middle < section.end_s), len(sections) - 1)

    def _vocal(self, number: int) -> float:
        start, end = self._spans[number]
        values = self._song.sliders.get("vocal_presence", ())[start:end]
        return sum(values) / len(values) if values else 0.0


def _constraints(treatment: Treatment) -> tuple[str, ...]:
    if not treatment.characters:
        return ("show nobody",)
    locked = treatment.characters[0].locked
    return tuple(f"keep {name}: {locked[name]}" for name in _KEPT if name in locked)


def _visual_summary(treatment: Treatment) -> str:
    who = treatment.characters[0].physical_description if treatment.characters else "nobody"
    places = ", ".join(place.value for place in treatment.environment.places)
    hour = treatment.environment.hour
    return f"{treatment.theme}; {who}; {places}; {hour.start.value} to {hour.end.value}"[:400]


__all__ = ["direct", "frame_count", "hour_at", "subject_of"]
