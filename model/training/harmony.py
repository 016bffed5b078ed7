"""Functional harmony: keys, progressions and voicings, as MIDI pitches."""

from __future__ import annotations

from random import Random
from typing import Final

MAJOR: Final = (0, 2, 4, 5, 7, 9, 11)
MINOR: Final = (0, 2, 3, 5, 7, 8, 10)

# Three pairs of relative keys: a small model hears few pitch sets, so it learns them sooner.
TONICS: Final = {"major": (0, 5, 7), "minor": (9, 2, 4)}

Chord = tuple[int, ...]  # semitones above the tonic, root first

_TRIAD: Final = {"M": (0, 4, 7), "m": (0, 3, 7), "d": (0, 3, 6), "5": (0, 7)}
_SEVENTH: Final = {"M": (0, 4, 7, 11), "m": (0, 3, 7, 10), "d": (0, 3, 6, 10), "7": (0, 4, 7, 10)}
_NINTH: Final = {"M": (0, 4, 7, 11, 14), "m": (0, 3, 7, 10, 14), "d": (0, 3, 6, 10), "7": (0, 4, 10, 14)}

# (root above the tonic, quality); "7" is a dominant and sounds as a plain major triad at low complexity.
_PROGRESSIONS: Final[dict[str, tuple[tuple[tuple[int, str], ...], ...]]] = {
    "major": (
        ((0, "M"), (7, "7"), (9, "m"), (5, "M")),
        ((0, "M"), (9, "m"), (5, "M"), (7, "7")),
        ((0, "M"), (5, "M"), (7, "7"), (0, "M")),
        ((2, "m"), (7, "7"), (0, "M"), (9, "m")),
        ((9, "m"), (5, "M"), (0, "M"), (7, "7")),
        ((0, "M"), (4, "m"), (5, "M"), (7, "7")),
    ),
    "minor": (
        ((0, "m"), (8, "M"), (3, "M"), (10, "M")),
        ((0, "m"), (5, "m"), (7, "7"), (0, "m")),
        ((0, "m"), (10, "M"), (8, "M"), (7, "7")),
        ((0, "m"), (3, "M"), (10, "M"), (5, "m")),
        ((0, "m"), (8, "M"), (5, "m"), (7, "7")),
    ),
    "tense": (
        ((0, "m"), (1, "M"), (0, "m"), (6, "d")),
        ((0, "m"), (8, "M"), (11, "d"), (7, "7")),
        ((0, "m"), (6, "d"), (5, "m"), (7, "7")),
        ((0, "m"), (2, "d"), (7, "7"), (1, "M")),
    ),
}


def progression(random: Random, mode: str, tense: bool, complexity: int, chords: int) -> list[Chord]:
    """`chords` chords of one loop: triads at complexity 0, sevenths at 1, ninths and more changes at 2."""
    bank = _PROGRESSIONS["tense" if tense else mode]
    chosen = random.choice(bank)
    degrees = [chosen[i * len(chosen) // chords] for i in range(chords)] if chords < 4 else list(chosen)[:chords]
    return [_spell(root, quality, complexity) for root, quality in degrees]


def _spell(root: int, quality: str, complexity: int) -> Chord:
    shape = (
        _TRIAD["M" if quality == "7" else quality]
        if complexity == 0
        else (_SEVENTH if complexity == 1 else _NINTH)[quality]
    )
    return tuple(root + step for step in shape)


def scale(mode: str) -> tuple[int, ...]:
    """Semitones of the mode's scale."""
    return MAJOR if mode == "major" else MINOR


def voicing(chord: Chord, tonic: int, centre: int) -> list[int]:
    """The chord folded into the octave around `centre`, ascending, at most four voices."""
    tones = chord if len(chord) <= 4 else (chord[1], chord[2], chord[3], chord[4])
    low = centre - 6
    return sorted({low + (tonic + tone - low) % 12 for tone in tones})


def nearest(pitch_class: int, pitch: int) -> int:
    """The pitch of that class nearest to `pitch`."""
    return pitch + (pitch_class - pitch + 6) % 12 - 6
