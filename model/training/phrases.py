"""Melodies in phrases: motif, sequence, close.

The sequence lies under the next chord. The close is held or leads on.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from . import harmony, patterns

Span = tuple[int, int, str]  # first step, step after the last, symbol
Tone = tuple[int, int, int, int]  # bar, first step, step after the last, key
STEPS: Final = (-2, -1, -1, 1, 1, 2)
_LOWEST, _HIGHEST = 5, 16  # rungs of a ladder of three octaves


def spans(pattern: str) -> list[Span]:
    """Every note of a bar's pattern."""
    found: list[Span] = []
    for step, symbol in enumerate(pattern):
        if symbol in ".-":
            continue
        end = step + 1
        while end < len(pattern) and pattern[end] == "-":
            end += 1
        found.append((step, end, symbol))
    return found


class Melody:
    """The phrases of one player: each part of a form has its own, all made from one motif.

    A repeats or sequences its motif and pauses; B turns its contour round, a third higher, and runs on; C closes on a long root.
    """

    def __init__(self, random: Random, pace: int, home: int, tonic: int, mode: str) -> None:
        self._random, self._tonic = random, tonic
        self._rhythm, self._other = (random.choice(patterns.MELODY_BARS[pace]) for _ in range(2))
        self._contour = [random.choice(STEPS) for _ in range(16)]
        self._rests = random.random() < 0.6
        key = harmony.nearest(tonic, home)
        self._ladder = [key + 12 * octave + tone for octave in (-1, 0, 1) for tone in harmony.scale(mode)]

    def phrase(self, part: str, bars: int, chord_at: Callable[[int, int], harmony.Chord]) -> list[Tone]:
        """The part's tones; on strong beats they belong to the chord."""
        rung, turn = (9, -1) if part == "B" else (7, 1)
        tones: list[Tone] = []
        for bar in range(bars):
            for index, (step, end, _) in enumerate(self._bar(part, bar == bars - 1)):
                moved = rung + turn * self._contour[index]
                rung = moved if _LOWEST <= moved < _HIGHEST else rung - turn * self._contour[index]
                rung = max(_LOWEST, min(_HIGHEST - 1, rung))
                key = self._ladder[rung]
                if step % 8 == 0 or (step % 8 == 4 and end - step >= 4):
                    key = self._in_chord(chord_at(bar, step), key, part == "C" and bar == bars - 1 and step >= 8)
                    rung = min(range(len(self._ladder)), key=lambda place: abs(self._ladder[place] - key))
                tones.append((bar, step, end, key))
        return tones

    def _bar(self, part: str, is_last: bool) -> list[Span]:
        """The motif's rhythm; where a part closes, its second half is one held tone (A then rests for a beat)."""
        rhythm = self._other if part == "B" else self._rhythm
        if is_last and (part == "C" or (part == "A" and self._rests)):
            rhythm = rhythm[:8] + ("x-------" if part == "C" else "x---....")
        return spans(rhythm)

    def _in_chord(self, chord: harmony.Chord, key: int, is_final: bool) -> int:
        """The nearest tone of the chord, at the end of an answer its root."""
        tones = chord[:1] if is_final else chord[:3]
        return min(
            (harmony.nearest((self._tonic + tone) % 12, key) for tone in tones), key=lambda near: abs(near - key)
        )
