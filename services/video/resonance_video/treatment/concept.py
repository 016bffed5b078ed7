"""Reading of a concept by a lexicon of its own; the music and the taste decide what the concept leaves open."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random

from resonance.errors import invalid_field
from resonance_video.colours import COLOUR_NAMES
from resonance_video.models import (
    Arc,
    Colour,
    Environment,
    Hour,
    HourArc,
    Instrument,
    Place,
    Pose,
    SectionRole,
    SongMap,
    Style,
    Treatment,
    Weather,
    WeatherArc,
)
from resonance_video.treatment.garments import free_colours
from resonance_video.treatment.lexicon import HOURS, INSTRUMENTS, MOODS, PLACES, POSES, WEATHERS
from resonance_video.treatment.palettes import USUAL_HOURS, lighting_of, palette_of
from resonance_video.treatment.people import read_character
from resonance_video.treatment.words import ConceptWords

CONCEPT_LETTERS_MAX = 10_000
_FAST_BPM, _LOUD = 118.0, 0.55
_PLACES_BY_MOOD: dict[str, tuple[tuple[Place, ...], ...]] = {
    "neon": ((Place.CITY, Place.ROOFTOP), (Place.CITY,)),
    "melancholy": ((Place.CITY, Place.SHORE), (Place.ROOM, Place.CITY), (Place.SHORE,)),
    "warm": ((Place.ROOM, Place.ROOFTOP), (Place.SHORE,), (Place.ROAD, Place.SHORE)),
    "hopeful": ((Place.CITY, Place.ROOFTOP), (Place.ROAD, Place.SHORE), (Place.FOREST, Place.ROAD)),
    "joyful": ((Place.SHORE,), (Place.ROAD, Place.SHORE), (Place.FOREST, Place.SKY)),
    "serene": ((Place.FOREST, Place.SHORE), (Place.SHORE,), (Place.ROOM, Place.FOREST)),
    "dreamy": ((Place.SKY,), (Place.FOREST, Place.SKY), (Place.SHORE, Place.SKY)),
    "fierce": ((Place.ROAD, Place.ROOFTOP), (Place.CITY, Place.ROAD)),
}
_CONSEQUENT_WEATHER = {Weather.RAIN: Weather.CLEAR, Weather.MIST: Weather.CLEAR}


def read_concept(
    concept: str,
    song_map: SongMap,
    *,
    taste_words: str = "",
    sliders: Mapping[str, float] | None = None,
    seed: int = 0,
    character: str = "",
) -> Treatment:
    """The treatment of a concept. `character` describes the person apart from the concept; `sliders` are positions in [-1, 1].

    The music and the taste's words decide where the concept says nothing. Words that were not read are listed in `unread`.

    Raises:
        InvalidInput: the concept or the character is longer than CONCEPT_LETTERS_MAX.
    """
    for field, text in (("concept", concept), ("character", character)):
        if len(text) > CONCEPT_LETTERS_MAX:
            raise invalid_field(field, "TOO_LONG", f"has {len(text)} letters; at most {CONCEPT_LETTERS_MAX} are read")
    words = ConceptWords(f"{concept}\n{character}")
    taste = ConceptWords(taste_words)
    random = Random(int.from_bytes(hashlib.sha256(f"{seed}\n{words.text}".encode()).digest()[:8]))
    moods = words.values(MOODS) or taste.values(MOODS)[:1] or [_mood_of_music(song_map, sliders or {})]
    instrument = next(iter(words.values(INSTRUMENTS)), None)
    poses = tuple(words.values(POSES))
    palette = palette_of(moods[0], _wished_colours(words), last_mood=moods[-1])
    environment = _environment(words, taste, moods, random)
    figure, notices = read_character(words, palette, instrument, random)
    return Treatment(
        theme=_theme(moods, environment.places),
        arc=Arc(start=moods[0], end=moods[-1]),
        characters=(figure,) if figure else (),
        environment=environment,
        style=Style(palette=palette, lighting=lighting_of(moods[0]), camera=_camera(song_map)),
        poses=_with_instrument(poses, instrument),
        instrument=instrument or (Instrument.GUITAR if Pose.PLAY in poses else None),
        ending=_ending(environment),
        unread=words.unread(),
        notices=notices,
        seed=seed,
    )


def _mood_of_music(song_map: SongMap, sliders: Mapping[str, float]) -> str:
    """The mood of a song without words: its pulse, loudness, mode, and the sliders that acted."""
    means = {name: sum(values) / len(values) for name, values in song_map.sliders.items() if values} | dict(sliders)
    level = sum(song_map.frames.level) / max(len(song_map.frames.level), 1)
    is_fast = (song_map.tempo_bpm or 0) >= _FAST_BPM or means.get("tempo", 0) > 0.4
    is_loud = level > _LOUD or means.get("energy", 0) > 0.4
    is_tense = means.get("emotional_tension", 0) > 0.4 or (song_map.mode == "minor" and is_loud)
    if song_map.tempo_bpm is None:
        return "dreamy"
    if is_fast and is_loud:
        return "fierce" if is_tense and means.get("emotional_tension", 0) > 0.4 else "neon"
    if is_fast:
        return "joyful" if song_map.mode == "major" else "neon"
    if song_map.mode == "minor":
        return "melancholy"
    return "warm" if is_loud else "serene"


def _wished_colours(words: ConceptWords) -> tuple[Colour, ...]:
    return tuple(Colour(name=name, hex=COLOUR_NAMES[name]) for name in free_colours(words))


def _environment(words: ConceptWords, taste: ConceptWords, moods: list[str], random: Random) -> Environment:
    drawn = random.choice(_PLACES_BY_MOOD[moods[0]])
    places = tuple(words.values(PLACES)[:7]) or tuple(taste.values(PLACES)[:1]) or drawn
    hours = words.values(HOURS)
    usual = USUAL_HOURS[moods[-1]] if len(moods) > 1 else USUAL_HOURS[moods[0]]
    refused = words.negated(HOURS)
    other = _other_hour(refused)
    usual = (other if usual[0] in refused else usual[0], other if usual[1] in refused else usual[1])
    start, end = (hours[0], hours[-1]) if len(hours) > 1 else (hours[0], hours[0]) if hours else usual
    if len(hours) == 1 and ("until" in words.tokens or "till" in words.tokens) and start != Hour.NIGHT:
        start, end = _hour_before(hours[0]), hours[0]
    weathers = words.values(WEATHERS)
    first = weathers[0] if weathers else Weather.CLEAR
    last = weathers[-1] if len(weathers) > 1 else _CONSEQUENT_WEATHER.get(first, first) if start != end else first
    return Environment(places=places, hour=HourArc(start=start, end=end), weather=WeatherArc(start=first, end=last))


def _hour_before(hour: Hour) -> Hour:
    """ "Until sunrise" begins at night, "until dusk" by day."""
    return {Hour.DAWN: Hour.NIGHT, Hour.DAY: Hour.DAWN, Hour.SUNSET: Hour.DAY, Hour.DUSK: Hour.DAY}.get(hour, hour)


def _other_hour(refused: set[Hour]) -> Hour:
    """An hour that is not refused, day before all."""
    return next((hour for hour in (Hour.DAY, Hour.SUNSET, Hour.DAWN, Hour.DUSK) if hour not in refused), Hour.NIGHT)


def _with_instrument(poses: tuple[Pose, ...], instrument: Instrument | None) -> tuple[Pose, ...]:
    return (*poses, Pose.PLAY) if instrument is not None and Pose.PLAY not in poses else poses


def _theme(moods: list[str], places: tuple[Place, ...]) -> str:
    mood = f"{moods[0]} turning {moods[-1]}" if moods[0] != moods[-1] else moods[0]
    return f"{mood}, from {places[0].value} to {places[-1].value}" if len(places) > 1 else f"{mood}, {places[0].value}"


def _camera(song_map: SongMap) -> str:
    has_chorus = any(section.role == SectionRole.CHORUS for section in song_map.sections)
    return "restrained in verses, wider and faster in choruses" if has_chorus else "slow and steady"


def _ending(environment: Environment) -> str:
    return f"the {environment.places[-1].value} at {environment.hour.end.value}, under a {environment.weather.end.value} sky"
