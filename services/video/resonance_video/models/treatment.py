"""Treatment: who and what a video shows, read from a concept, the song and the taste."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from resonance_video.models.document import Document, Line, Name, Sentence

Hex = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Place(StrEnum):
    """Worlds that the embedded provider draws."""

    CITY = "city"
    ROOFTOP = "rooftop"
    FOREST = "forest"
    SHORE = "shore"
    ROAD = "road"
    ROOM = "room"
    SKY = "sky"


class Hour(StrEnum):
    """Times of day in the order in which they follow each other."""

    NIGHT = "night"
    DAWN = "dawn"
    DAY = "day"
    SUNSET = "sunset"
    DUSK = "dusk"


class Weather(StrEnum):
    """Weathers of a world."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"
    MIST = "mist"


class Pose(StrEnum):
    """Acts of a character that the embedded provider draws."""

    WALK = "walk"
    STAND = "stand"
    SIT = "sit"
    LOOK_UP = "look_up"
    OPEN_ARMS = "open_arms"
    PLAY = "play"
    DANCE = "dance"


class Instrument(StrEnum):
    """Instruments that a character can play or carry."""

    GUITAR = "guitar"
    PIANO = "piano"
    VIOLIN = "violin"


class Colour(Document):
    """A named colour, `hex` as `#rrggbb` in lower case."""

    name: Line
    hex: Hex


class Arc(Document):
    """A change of mood over the video, in words."""

    start: Line
    end: Line


class HourArc(Document):
    """The hour at the beginning and at the end."""

    start: Hour
    end: Hour


class WeatherArc(Document):
    """The weather at the beginning and at the end."""

    start: Weather
    end: Weather


class CharacterReference(Document):
    """A person who stays the same in all shots.

    `locked` names attributes that no shot may contradict: `hair`, `hair_length`, `coat`,
    `coat_length`, `scarf`, `skin`, `legs`, `hat`, `build`, `carries`.
    Colours in it are `#rrggbb`; the value "none" says that there is none. `reference_images` are keys of stored pictures.
    """

    id: Name
    physical_description: Sentence
    wardrobe: Sentence
    distinctive_features: Annotated[tuple[Line, ...], Field(max_length=10)] = ()
    emotional_range: Annotated[tuple[Line, ...], Field(max_length=10)] = ()
    reference_images: Annotated[tuple[Line, ...], Field(max_length=10)] = ()
    locked: dict[Name, Line] = Field(default_factory=dict, max_length=20)


class Environment(Document):
    """The worlds of a video with their hour and weather; `places` are visited in this order."""

    places: Annotated[tuple[Place, ...], Field(min_length=1, max_length=7)]
    hour: HourArc
    weather: WeatherArc


class Style(Document):
    """Palette, lighting and camera. The palette's first colour is the ground, the second the light, the third the accent."""

    palette: Annotated[tuple[Colour, ...], Field(min_length=3, max_length=6)]
    lighting: Line
    camera: Line


class Treatment(Document):
    """The idea of a video. `unread` lists words of the concept that were not understood; `source` says who wrote it."""

    theme: Sentence
    arc: Arc
    characters: Annotated[tuple[CharacterReference, ...], Field(max_length=3)]
    environment: Environment
    style: Style
    poses: Annotated[tuple[Pose, ...], Field(max_length=7)] = ()
    instrument: Instrument | None = None
    ending: Sentence
    unread: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    notices: Annotated[tuple[Sentence, ...], Field(max_length=20)] = ()
    source: Line = "lexicon"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
