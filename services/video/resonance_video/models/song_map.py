"""Song map: length, beats, bars, sections, cue points and per-frame signals of one song."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from resonance.steering.sliders import SLIDER_NAMES
from resonance_video.models.document import Document, Name, Seconds, Sha256, Share

# Signals have the rate of the pictures, so that a picture reads one value of each.
FRAME_RATE_HZ = 24
SONG_S_MIN, SONG_S_MAX = 1.5, 1200.0
_FRAMES_MAX = round(SONG_S_MAX * FRAME_RATE_HZ) + 1
SliderPosition = Annotated[float, Field(ge=-1, le=1)]
Signal = Annotated[tuple[Share, ...], Field(max_length=_FRAMES_MAX)]


class SectionRole(StrEnum):
    """The part that a section plays in its song."""

    INTRO = "intro"
    VERSE = "verse"
    CHORUS = "chorus"
    BRIDGE = "bridge"
    BREAK = "break"
    OUTRO = "outro"


class Section(Document):
    """A stretch of the song from `start_s` to `end_s`. Sections of one `label` sound alike.

    `energy` is the level's rank within the song, from 0 (quietest) to 1; `trend` is the energy's change within the section, from -1 to 1.
    """

    start_s: Seconds
    end_s: Seconds
    label: Annotated[str, Field(pattern=r"^[A-Z]$")]
    role: SectionRole
    energy: Share
    trend: Annotated[float, Field(ge=-1, le=1)]

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.end_s <= self.start_s:
            raise ValueError("a section ends after it starts")
        return self


class CuePoint(Document):
    """A time at which a cut is justified: `weight` from 0 to 1, and the reason in words (`bar`, `section`, `recipe`, `level`)."""

    at_s: Seconds
    weight: Share
    why: Name


class SongFrames(Document):
    """Signals at FRAME_RATE_HZ, each in [0, 1] and of one length: band energies, level and onset strength.

    `low` is below 200 Hz, `mid` 200 Hz to 2 kHz, `high` above 2 kHz.
    """

    low: Signal
    mid: Signal
    high: Signal
    level: Signal
    onset: Signal

    @model_validator(mode="after")
    def _have_one_length(self) -> Self:
        lengths = {len(signal) for signal in (self.low, self.mid, self.high, self.level, self.onset)}
        if len(lengths) != 1:
            raise ValueError("the signals differ in length")
        return self


class RecipeChange(Document):
    """The sliders that act from `at_s` on; a slider that is not named is at 0."""

    at_s: Seconds
    sliders: dict[str, SliderPosition] = Field(default_factory=dict, max_length=len(SLIDER_NAMES))


class SongWord(Document):
    """Words that are sung or spoken from `start_s` to `end_s`, for the captions."""

    start_s: Seconds
    end_s: Seconds
    text: Annotated[str, Field(max_length=5000)]


class KnownMusic(Document):
    """Facts about a song that need no tracker: those of a take of ours.

    `recipe` lists (first sample, sliders) in the order of time, at `sample_rate_hz`. `projections` hold per slider one value in [-1, 1] per
    frame of `projection_rate_hz`: how far the music lies on the slider's direction, as the engine measured it.
    """

    tempo_bpm: Annotated[float, Field(ge=20, le=400)] | None = None
    words: Annotated[str, Field(max_length=10_000)] = ""
    sample_rate_hz: Annotated[int, Field(ge=1)] = 32_000
    recipe: tuple[tuple[Annotated[int, Field(ge=0)], dict[str, SliderPosition]], ...] = ()
    projections: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    projection_rate_hz: Annotated[float, Field(gt=0)] = 50.0
    spoken: tuple[SongWord, ...] = ()


class SongMap(Document):
    """The song as a timeline, with `sha256` of its file.

    Without a pulse `beats_s` and `downbeats_s` are empty and `tempo_bpm` is None. `downbeats_s` are empty also where bars
    could not be told. `sliders` hold the positions that acted, one value per frame of FRAME_RATE_HZ; a slider that never moved is left out.
    """

    duration_s: Annotated[float, Field(ge=SONG_S_MIN, le=SONG_S_MAX)]
    sample_rate_hz: Annotated[int, Field(ge=1, le=384_000)]
    sha256: Sha256
    tempo_bpm: Annotated[float, Field(ge=20, le=400)] | None
    pulse: Share
    meter: Annotated[int, Field(ge=1, le=12)]
    beats_s: Annotated[tuple[Seconds, ...], Field(max_length=10_000)]
    downbeats_s: Annotated[tuple[Seconds, ...], Field(max_length=10_000)]
    sections: Annotated[tuple[Section, ...], Field(min_length=1, max_length=200)]
    cue_points: Annotated[tuple[CuePoint, ...], Field(max_length=10_000)]
    frames: SongFrames
    mode: Annotated[str, Field(pattern=r"^(major|minor|)$")] = ""
    sliders: dict[str, tuple[Annotated[float, Field(ge=-1, le=1)], ...]] = Field(default_factory=dict)
    recipe: tuple[RecipeChange, ...] = ()
    words: Annotated[tuple[SongWord, ...], Field(max_length=20_000)] = ()
    notices: Annotated[tuple[str, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _sections_cover_the_song(self) -> Self:
        at_s = 0.0
        for section in self.sections:
            if abs(section.start_s - at_s) > 1e-3:
                raise ValueError("the sections leave a gap or overlap")
            at_s = section.end_s
        if abs(at_s - self.duration_s) > 1e-3:
            raise ValueError("the sections do not end with the song")
        return self

    def section_at(self, at_s: float) -> Section:
        """The section that sounds at a time; the last one after the end."""
        return next((section for section in self.sections if at_s < section.end_s), self.sections[-1])
