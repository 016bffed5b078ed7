"""Musical keys: parsing, usual names, nearest playable key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NATURALS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_KEY = re.compile(
    r"(?P<tonic>[a-g])[ -]?(?P<accidental>#|\u266f|b|\u266d|sharp|flat)?[ -]*(?P<mode>major|minor|maj|min|m)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A major or minor key; `tonic` is its pitch class, 0 for C."""

    tonic: int
    is_minor: bool

    @property
    def name(self) -> str:
        """The usual name, such as `F# minor`."""
        return f"{_MINOR_NAMES[self.tonic]} minor" if self.is_minor else f"{_MAJOR_NAMES[self.tonic]} major"

    @property
    def relative(self) -> Key:
        """The key of the other mode with the same notes."""
        return Key((self.tonic + (3 if self.is_minor else 9)) % 12, not self.is_minor)

    def nearest(self, keys: Iterable[Key]) -> Key:
        """The key of the same mode that shares the most notes, then the one with the nearest tonic; another mode where there is none."""
        return min(keys, key=self._distance)

    def _distance(self, other: Key) -> tuple[bool, int, int]:
        """Other mode or not, steps on the circle of fifths, semitones between the tonics."""
        signs = self._fifths - other._fifths
        semitones = self.tonic - other.tonic
        return (self.is_minor != other.is_minor, _around(signs), _around(semitones))

    @property
    def _fifths(self) -> int:
        """Place on the circle of fifths; relative keys share it."""
        return (self.relative if self.is_minor else self).tonic * 7 % 12


def parse_key(text: str) -> Key | None:
    """The key that a text such as `F# minor`, `Bb` or `a flat major` names; None where it names none. No mode means major."""
    found = _KEY.fullmatch(text.strip())
    if found is None:
        return None
    shift = {"#": 1, "\u266f": 1, "sharp": 1, "b": -1, "\u266d": -1, "flat": -1}
    accidental, mode = (found["accidental"] or "").lower(), (found["mode"] or "").lower()
    return Key((_NATURALS[found["tonic"].lower()] + shift.get(accidental, 0)) % 12, mode in {"minor", "min", "m"})


def _around(distance: int) -> int:
    """Distance on a circle of twelve."""
    return min(distance % 12, -distance % 12)
