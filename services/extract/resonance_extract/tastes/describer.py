"""Playlist descriptions by audio features or an audio-to-text model.

Both are behind the same interface.
"""

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
_WORD_FIELDS = ("words", "source", "genre", "instruments", "moods", "tempo", "textures")

# A feature, and its words below and above two bounds. The bounds are the lower and upper thirds of 240 pieces of our own composer.
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
    """The input of a describer: features of all clips `[clips, COLUMN_COUNT]` with their weights, and samples of some new clips."""

    meters: Array
    weights: Array
    samples: Sequence[Array]
    sample_rate_hz: int


class Describer(Protocol):
    """Puts a playlist into words. `wants_sound` says whether it needs samples besides the features."""

    @property
    def wants_sound(self) -> bool: ...

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The playlist's character. Raises Unavailable where the describer fails."""
        ...


class MeterDescriber:
    """Describes a playlist by its audio features, in the vocabulary of sliders and prompts. It names no instruments."""

    wants_sound = False

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The character by the weighted means of the clips' features. The tempo is the median over clips with a steady beat."""
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
    """Asks a first describer, and uses the audio features where it fails. The figures are always the features'."""

    def __init__(self, first: Describer) -> None:
        self._first = first
        self._own = MeterDescriber()

    @property
    def wants_sound(self) -> bool:
        """True where the first describer needs samples."""
        return self._first.wants_sound

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        """The first describer's words with the features' figures; the features' words where it fails. Never raises."""
        own = await self._own.describe(sound)
        try:
            theirs = await self._first.describe(sound)
        except Unavailable as failure:
            _log.warning("the playlist is described by audio features alone", message=failure.message)
            return own
        for field in _WORD_FIELDS:
            own.ClearField(field)
        own.MergeFrom(theirs)
        return own


def description_notices(character: steering_pb2.TasteCharacter, *, heard_count: int, song_count: int) -> list[str]:
    """Notices about the words of a describer that needs samples: it could not be asked, or had no samples of some songs.

    There were samples of `heard_count` of the `song_count` songs.
    """
    if not heard_count:
        why = "every song was read before, and no sound was at hand; a taste of direction_kind words is described by its sound"
        return [f"the words are our own meters': {why}"]
    if character.source == SOURCE:
        return ["the words are our own meters': the language model could not be asked"]
    if heard_count < song_count:
        return [
            f"the words are of {heard_count} of the {song_count} songs: the others were read before, and no sound was at hand"
        ]
    return []


def put_words(character: steering_pb2.TasteCharacter) -> None:
    """Puts a character's figures into words; figures in the middle get no word."""
    character.moods.extend(_find_words(character, _MOOD))
    if abs(character.minor_margin) > _MODE_MARGIN:
        character.moods.append("minor" if character.minor_margin > 0 else "major")
    if character.HasField("tempo_bpm"):
        character.tempo = "".join(_find_words(character, _TEMPO))
    character.textures.extend(word for level in _TEXTURES for word in _find_words(character, level))
    join_words(character)


def join_words(character: steering_pb2.TasteCharacter) -> None:
    """Fills `words` from the fields for genre, instruments, moods, tempo and textures, each word once."""
    parts = [character.genre, *character.instruments, *character.moods, character.tempo, *character.textures]
    character.words[:] = list(dict.fromkeys(word for word in parts if word))


def _find_words(character: steering_pb2.TasteCharacter, level: _Level) -> list[str]:
    name, low, below, high, above = level
    value = getattr(character, name)
    return [below] if value < low else [above] if value > high else []


def to_sentence(character: steering_pb2.TasteCharacter) -> str:
    """The character as a sentence for people."""
    words = ", ".join(character.words) or "in the middle of everything"
    tempo = f", around {character.tempo_bpm:.0f} beats a minute" if character.HasField("tempo_bpm") else ""
    return f"{words[0].upper()}{words[1:]}{tempo}."
