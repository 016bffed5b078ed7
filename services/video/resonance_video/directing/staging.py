"""Staging: purpose, size, move, pose and place of each shot."""

from __future__ import annotations

from random import Random

from resonance_video.models import (
    Cut,
    Instrument,
    Place,
    Pose,
    Purpose,
    Section,
    SectionRole,
    ShotMove,
    ShotSize,
    Treatment,
    Weather,
)

_WIDE, _MEDIUM, _CLOSE = ShotSize.WIDE, ShotSize.MEDIUM, ShotSize.CLOSE
# Sizes and moves that suit a purpose, the likeliest first.
CHOICES: dict[Purpose, tuple[tuple[ShotSize, ShotMove], ...]] = {
    Purpose.ESTABLISH: ((_WIDE, ShotMove.PUSH), (_WIDE, ShotMove.RISE), (_WIDE, ShotMove.PAN)),
    Purpose.DEVELOP: (
        (_MEDIUM, ShotMove.PAN),
        (_CLOSE, ShotMove.STILL),
        (_MEDIUM, ShotMove.PUSH),
        (_WIDE, ShotMove.PAN),
        (_CLOSE, ShotMove.PUSH),
        (_MEDIUM, ShotMove.STILL),
    ),
    Purpose.TRANSITION: ((_WIDE, ShotMove.PAN), (_WIDE, ShotMove.RISE), (_MEDIUM, ShotMove.PULL)),
    Purpose.CLIMAX: (
        (_WIDE, ShotMove.PULL),
        (_MEDIUM, ShotMove.PUSH),
        (_WIDE, ShotMove.RISE),
        (_CLOSE, ShotMove.PUSH),
        (_MEDIUM, ShotMove.RISE),
    ),
    Purpose.RESOLVE: ((_WIDE, ShotMove.PULL), (_WIDE, ShotMove.RISE), (_WIDE, ShotMove.STILL)),
}
_POSES: dict[Purpose, tuple[Pose, ...]] = {
    Purpose.ESTABLISH: (Pose.WALK, Pose.STAND),
    Purpose.DEVELOP: (Pose.WALK, Pose.LOOK_UP, Pose.SIT, Pose.STAND),
    Purpose.TRANSITION: (Pose.WALK, Pose.STAND),
    Purpose.CLIMAX: (Pose.DANCE, Pose.OPEN_ARMS, Pose.DANCE, Pose.WALK),
    Purpose.RESOLVE: (Pose.LOOK_UP, Pose.OPEN_ARMS, Pose.STAND),
}
_CALM_CLIMAX = (Pose.OPEN_ARMS, Pose.LOOK_UP, Pose.WALK)
_INDOORS: dict[Pose, Pose] = {Pose.WALK: Pose.STAND}
_VOCAL_CLOSER = 0.35
_CALM = 0.35
_WEATHER_TURNS = 0.62
# In a song of one loud part the climax is this stretch of it.
_ONE_PART_FROM, _ONE_PART_TO, _MOST_OF_IT = 0.42, 0.86, 0.6


def purposes_of(sections: tuple[Section, ...], shots: list[int], climax: int | None) -> list[Purpose]:
    """The purpose of each shot; `shots` holds the section of each, `climax` the section that the song climbs to."""
    found = []
    loud = [section == climax or sections[section].role == SectionRole.CHORUS for section in shots]
    if sum(loud) > _MOST_OF_IT * len(shots):
        loud = [
            is_loud and _ONE_PART_FROM <= (place + 0.5) / len(shots) <= _ONE_PART_TO
            for place, is_loud in enumerate(loud)
        ]
    for place, section in enumerate(shots):
        role = sections[section].role
        is_new = place > 0 and shots[place - 1] != section
        if place == 0 and len(shots) > 1:
            found.append(Purpose.ESTABLISH)
        elif place == len(shots) - 1:
            found.append(Purpose.RESOLVE)
        elif loud[place]:
            found.append(Purpose.CLIMAX)
        elif is_new and role in (SectionRole.BREAK, SectionRole.BRIDGE):
            found.append(Purpose.TRANSITION)
        else:
            found.append(Purpose.DEVELOP)
    return found


def climax_of(sections: tuple[Section, ...]) -> int | None:
    """The loudest section, of repeated ones the last; None where no section is loud."""
    best = max(range(len(sections)), key=lambda place: (round(sections[place].energy, 1), place))
    return best if sections[best].energy >= 0.5 else None


def frame_choice(
    purpose: Purpose, before: tuple[ShotSize, ShotMove] | None, vocal: float, random: Random
) -> tuple[ShotSize, ShotMove]:
    """Size and move for a purpose, unlike the shot before in at least one of both; singing brings the camera closer."""
    choices = [choice for choice in CHOICES[purpose] if choice != before and (before is None or choice[0] != before[0])]
    choices = choices or [choice for choice in CHOICES[purpose] if choice != before]
    if vocal > _VOCAL_CLOSER:
        closer = [choice for choice in choices if choice[0] is not _WIDE]
        choices = closer or choices
    return random.choice(choices[:3])


def pose_of(purpose: Purpose, place: Place, treatment: Treatment, energy: float, number: int, random: Random) -> Pose:
    """The act of the character: one that the concept names where it suits the purpose, else a usual one."""
    usual = _CALM_CLIMAX if purpose is Purpose.CLIMAX and energy < _CALM else _POSES[purpose]
    wished = treatment.poses
    if wished and (purpose in (Purpose.CLIMAX, Purpose.DEVELOP) or number == 0):
        pose = wished[number % len(wished)]
        if purpose is Purpose.DEVELOP and number % 3 == 2:
            pose = random.choice([other for other in usual if other not in wished] or list(usual))
    else:
        pose = random.choice(usual)
    return _INDOORS.get(pose, pose) if place is Place.ROOM else pose


def instrument_of(pose: Pose, treatment: Treatment) -> Instrument | None:
    """The instrument of a shot whose character plays one; None for other poses."""
    return (treatment.instrument or Instrument.GUITAR) if pose is Pose.PLAY else None


def place_at(treatment: Treatment, share: float) -> Place:
    """The place of a shot whose section begins at that share of the song."""
    places = treatment.environment.places
    return places[min(int(share * len(places) + 1e-6), len(places) - 1)]


def weather_at(treatment: Treatment, share: float) -> Weather:
    """The weather of a shot at that share of the song."""
    weather = treatment.environment.weather
    return weather.start if share < _WEATHER_TURNS else weather.end


def transition_of(number: int, count: int, place: Place, before: Place | None) -> Cut:
    """From black at the start, to black at the end, eased where the place changes, else a cut."""
    if number == count - 1 and count > 1:
        return Cut.TO_BLACK
    if number == 0:
        return Cut.FROM_BLACK
    return Cut.EASE if place != before else Cut.CUT
