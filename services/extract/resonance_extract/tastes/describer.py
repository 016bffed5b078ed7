"""Who describes a playlist: our own meters by default, an audio-to-text model behind the same interface where a key is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from resonance.errors import Unavailable
from resonance.v1 import steering_pb2
from resonance_extract.activations.audio_features import COLUMNS, minor_margin

Array = NDArray[np.float32]
_log = structlog.get_logger("extract")
SOURCE = "meters"
_SPOKEN = ("words", "source", "genre", "instruments", "moods", "tempo", "textures")

# A word where the meter lies below or above. The bounds are the lower and upper thirds of 240 pieces of our own composer.
_Level = tuple[str, float, str, float, str]
_MOOD: _Level = ("loudness_dbfs", -22.9, "calm", -19.3, "energetic")
_TEMPO: _Level = ("tempo_bpm", 80.0, "slow", 110.0, "fast")
_TEXTURES: tuple[_Level, ...] = (
    ("brightness_hz", 460.0, "warm", 670.0, "bright"),
    ("low_share", 0.10, "no bass", 0.36, "deep bass"),
    ("onsets_per_s", 2.2, "sparse", 3.5, "dense"),
)
_MODE_MARGIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaylistSound:
    """What a describer hears: meters of all clips `[clips, COLUMN_COUNT]` with their weights, and some new clips' samples."""

    meters: Array
    weights: Array
    samples: Sequence[Array]
    sample_rate_hz: int


class Describer(Protocol):
    """Puts a playlist into words. `wants_sound` says whether it hears samples, or makes do with meters."""

    @property
    def wants_sound(self) -> bool: ...

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The playlist's character. Raises Unavailable where nobody can say."""
        ...


class MeterDescriber:
    """Says what the meters say: a few words of the vocabulary that sliders and prompts share. It knows no instruments."""

    wants_sound = False

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The character by the weighted means of the clips' meters; the tempo is a median over clips with a steady beat."""
        weights = sound.weights.astype(np.float64) / max(float(sound.weights.sum()), 1e-12)
        means = weights @ sound.meters.astype(np.float64)
        figures = dict(zip(COLUMNS, means, strict=False))
        tempos = sound.meters[sound.weights > 0, COLUMNS.index("tempo_bpm")]
        steady = tempos[tempos > 0]
        character = steering_pb2.TasteCharacter(
            loudness_dbfs=figures["loudness_dbfs"],
            brightness_hz=figures["brightness_hz"],
            low_share=figures["low_share"],
            onsets_per_s=figures["onsets_per_s"],
            minor_margin=minor_margin(means[len(COLUMNS) :]),
            source=SOURCE,
        )
        if 2 * len(steady) >= len(tempos):
            character.tempo_bpm = float(np.median(steady))
        put_words(character)
        return character


class CarefulDescriber:
    """Asks one describer, and our own meters where it cannot say; figures are always the meters' own."""

    def __init__(self, first: Describer) -> None:
        self._first = first
        self._own = MeterDescriber()

    @property
    def wants_sound(self) -> bool:
        """Whether the first one does."""
        return self._first.wants_sound

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The first describer's words with the meters' figures; the meters' words where it fails. Never raises."""
        own = await self._own.describe(sound)
        try:
            theirs = await self._first.describe(sound)
        except Unavailable as failure:
            _log.warning("the playlist is described by meters alone", message=failure.message)
            return own
        for field in _SPOKEN:
            own.ClearField(field)
        own.MergeFrom(theirs)
        return own


def description_notices(character: steering_pb2.TasteCharacter, *, heard_count: int, song_count: int) -> list[str]:
    """What a caller should know of the words where somebody who wants sound was to say them: not every song was at hand, or nobody could be
    asked. There was sound of `heard_count` of the `song_count` songs."""
    if not heard_count:
        why = "every song was heard before, and no sound was at hand; a taste of direction_kind words is described by its sound"
        return [f"the words are our own meters': {why}"]
    if character.source == SOURCE:
        return ["the words are our own meters': the language model could not be asked"]
    if heard_count < song_count:
        return [
            f"the words are of {heard_count} of the {song_count} songs: the others were heard before, and no sound was at hand"
        ]
    return []


def put_words(character: steering_pb2.TasteCharacter) -> None:
    """Puts a character's figures into words; what lies in the middle is not worth a word."""
    character.moods.extend(_said(character, _MOOD))
    if abs(character.minor_margin) > _MODE_MARGIN:
        character.moods.append("minor" if character.minor_margin > 0 else "major")
    if character.HasField("tempo_bpm"):
        character.tempo = "".join(_said(character, _TEMPO))
    character.textures.extend(word for level in _TEXTURES for word in _said(character, level))
    join_words(character)


def join_words(character: steering_pb2.TasteCharacter) -> None:
    """Fills `words` from the fields for genre, instruments, moods, tempo and textures, each word once."""
    parts = [character.genre, *character.instruments, *character.moods, character.tempo, *character.textures]
    character.words[:] = list(dict.fromkeys(word for word in parts if word))


def _said(character: steering_pb2.TasteCharacter, level: _Level) -> list[str]:
    name, low, below, high, above = level
    value = getattr(character, name)
    return [below] if value < low else [above] if value > high else []


def to_sentence(character: steering_pb2.TasteCharacter) -> str:
    """The character as a sentence for people."""
    words = ", ".join(character.words) or "in the middle of everything"
    tempo = f", around {character.tempo_bpm:.0f} beats a minute" if character.HasField("tempo_bpm") else ""
    return f"{words[0].upper()}{words[1:]}{tempo}."
