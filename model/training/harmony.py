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

# What the parts of a form do: A states, from the tonic; B departs, from elsewhere to what leads back; C answers and comes to rest.
ROLES: Final = {"A": "statement", "B": "departure", "C": "answer"}

# Degrees: (root above the tonic, quality); "7" is a dominant, which sounds as a plain major triad at low complexity.
_DEGREES: Final = {
    name: (root, quality)
    for quality, roots in {
        "M": {"I": 0, "bII": 1, "bIII": 3, "IV": 5, "bVI": 8, "bVII": 10},
        "m": {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9},
        "d": {"ii0": 2, "#iv0": 6, "vii0": 11},
        "7": {"V": 7},
    }.items()
    for name, root in roots.items()
}

# Cells of two and of four chords, by mode and role. No chord is followed by itself but the tonic at the end of an answer: where nothing
# changes, a small model learns to stand.
_CELLS: Final[dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]] = {
    "major": {
        "statement": (
            ("I V", "I IV", "I vi", "I iii"),
            (
                "I V vi IV",
                "I vi IV V",
                "I IV ii V",
                "I iii IV V",
                "I IV vi V",
                "I ii IV V",
            ),
        ),
        "departure": (
            ("ii V", "vi IV", "IV V", "vi V", "iii IV"),
            ("ii V iii vi", "vi iii IV V", "IV I ii V", "vi IV ii V", "iii vi ii V"),
        ),
        "answer": (
            ("IV I", "V I", "ii I"),
            ("IV V vi I", "ii V IV I", "vi ii V I", "IV I V I"),
        ),
    },
    "minor": {
        "statement": (
            ("i bVI", "i bVII", "i iv", "i bIII"),
            (
                "i bVI bIII bVII",
                "i iv bVII V",
                "i bVII bVI V",
                "i bIII bVII iv",
                "i bVI iv V",
            ),
        ),
        "departure": (
            ("bVI bVII", "iv V", "bIII bVII", "bVI V"),
            (
                "iv bVII bIII bVI",
                "bVI bVII iv V",
                "bIII bVII iv V",
                "bVI bIII bVII V",
            ),
        ),
        "answer": (
            ("V i", "iv i", "bVII i"),
            ("bVI bVII V i", "iv bVI V i", "bIII iv V i", "bVI iv bVII i"),
        ),
    },
    "tense": {
        "statement": (
            ("i bII", "i #iv0", "i bVI"),
            (
                "i bII v #iv0",
                "i bVI vii0 V",
                "i #iv0 iv V",
                "i ii0 V bII",
            ),
        ),
        "departure": (
            ("ii0 V", "bVI bII", "#iv0 V"),
            ("iv vii0 bVI V", "bII #iv0 iv V", "bVI iv ii0 V"),
        ),
        "answer": (
            ("V i", "bII i"),
            ("iv bII V i", "bVI ii0 V i", "bII #iv0 V i"),
        ),
    },
}


def progressions(
    random: Random, mode: str, tense: bool, complexity: int, chords: int, form: str
) -> dict[str, list[Chord]]:
    """The two or four chords of each part of a form: triads at complexity 0, sevenths at 1, ninths at 2."""
    cells = _CELLS["tense" if tense else mode]
    drawn = {"A": random.choice(cells["statement"][chords // 4]).split()}
    for part in sorted(set(form) - {"A"}):
        fitting = [cell.split() for cell in cells[ROLES[part]][chords // 4]]
        drawn[part] = random.choice([cell for cell in fitting if cell[0] != drawn["A"][-1]])
    return {part: [_spell(*_DEGREES[degree], complexity) for degree in cell] for part, cell in drawn.items()}


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
