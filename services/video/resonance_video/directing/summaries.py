"""Sentences of a shot: direction, motion and a summary that can be spoken during the shot."""

from __future__ import annotations

from resonance_video.models import (
    SUMMARY_LETTERS_MAX,
    Hour,
    Instrument,
    Place,
    Pose,
    ShotMove,
    ShotSize,
    Treatment,
    Weather,
)

# Words that a calm voice speaks in a second.
WORDS_PER_S = 2.8
_PLACES = {
    Place.CITY: "a city street",
    Place.ROOFTOP: "a rooftop",
    Place.FOREST: "a forest",
    Place.SHORE: "the shore",
    Place.ROAD: "a road towards mountains",
    Place.ROOM: "a room with a window",
    Place.SKY: "clouds high in the sky",
}
_AT = {Place.CITY: "in", Place.ROOFTOP: "on", Place.FOREST: "in", Place.SHORE: "at", Place.ROAD: "on", Place.ROOM: "in",
       Place.SKY: "among"}  # fmt: skip
_HOURS = {
    Hour.NIGHT: "at night",
    Hour.DAWN: "at dawn",
    Hour.DAY: "by day",
    Hour.SUNSET: "at sunset",
    Hour.DUSK: "at dusk",
}
_WEATHERS = {Weather.CLEAR: "", Weather.RAIN: "in rain", Weather.SNOW: "in snow", Weather.MIST: "in mist"}
_ACTS = {
    Pose.WALK: "walks",
    Pose.STAND: "stands still",
    Pose.SIT: "sits",
    Pose.LOOK_UP: "looks up",
    Pose.OPEN_ARMS: "opens both arms",
    Pose.PLAY: "plays",
    Pose.DANCE: "dances",
}
_MOVES = {
    ShotMove.STILL: "the camera rests",
    ShotMove.PUSH: "the camera moves closer",
    ShotMove.PULL: "the camera draws back",
    ShotMove.PAN: "the camera follows sideways",
    ShotMove.RISE: "the camera rises",
}
_SIZES = {ShotSize.WIDE: "Wide", ShotSize.MEDIUM: "Half length", ShotSize.CLOSE: "Close"}


def subject_of(treatment: Treatment) -> str:
    """The character in few words: "the woman in the red coat" without the clothes."""
    if not treatment.characters:
        return ""
    return "the " + treatment.characters[0].locked.get("build", "figure")


def direction_of(treatment: Treatment, place: Place, pose: Pose, instrument: Instrument | None, energy: float) -> str:
    """What should be seen."""
    where = f"{_AT[place]} {_PLACES[place]}"
    lights = "with many lights" if energy > 0.65 else "with few lights" if energy < 0.3 else ""
    who = subject_of(treatment)
    text = (
        f"{who} {_act(pose, instrument)} {where} {lights}" if who else f"{_PLACES[place]} {lights}, with nobody in it"
    )
    return " ".join(text.split())


def motion_of(move: ShotMove, energy: float) -> str:
    """The camera's move and its speed."""
    speed = "quickly" if energy > 0.65 else "slowly"
    return _MOVES[move] if move is ShotMove.STILL else f"{_MOVES[move]} {speed}"


def summary_of(
    treatment: Treatment,
    *,
    size: ShotSize,
    place: Place,
    pose: Pose,
    instrument: Instrument | None,
    hour: Hour,
    weather: Weather,
    seconds: float,
) -> str:
    """One sentence that fits into the shot when spoken: the act first, then place, hour and weather while there is time."""
    who = subject_of(treatment)
    act = f"{who} {_act(pose, instrument)}" if who else _PLACES[place]
    parts = [act, f"{_AT[place]} {_PLACES[place]}" if who else "", _HOURS[hour], _WEATHERS[weather]]
    sentence = parts[0]
    for part in parts[1:]:
        longer = f"{sentence} {part}".strip()
        if len(longer.split()) <= words_max(seconds) and len(longer) < SUMMARY_LETTERS_MAX:
            sentence = longer
    framed = f"{_SIZES[size]}: {sentence}"
    fits = len(framed.split()) <= words_max(seconds) and len(framed) < SUMMARY_LETTERS_MAX
    sentence = framed if fits else sentence
    return sentence[0].upper() + sentence[1:] + "."


def words_max(seconds: float) -> int:
    """Words that can be spoken in a shot."""
    return max(4, int(seconds * WORDS_PER_S) + 1)


def _act(pose: Pose, instrument: Instrument | None) -> str:
    return f"plays the {instrument.value}" if instrument is not None else _ACTS[pose]
