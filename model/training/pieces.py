"""Composed pieces: labels, notes, sections and channels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from .palette import DRUM_CHANNEL, DRUMS

# Codec frames (20 ms) per sixteenth: every onset falls on a frame, so that a repeated bar repeats its tokens.
FRAMES_PER_SIXTEENTH: Final = (4, 5, 6, 8, 10, 12)
TEMPO_LEVEL: Final = {4: 2, 5: 2, 6: 1, 8: 1, 10: 0, 12: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a clip is: levels from 0; energy has five of them, density counts parts, the other attributes have three."""

    genre: str
    frames_per_sixteenth: int
    mode: str
    tonic: int
    energy: int
    bass_resonance: int
    harmonic_complexity: int
    instrument_density: int
    vocal_presence: int
    emotional_tension: int
    instruments: tuple[str, ...]
    solo: bool

    @property
    def bpm(self) -> float:
        """Beats a minute."""
        return 60.0 / (4 * self.frames_per_sixteenth * 0.02)

    @property
    def tempo(self) -> int:
        """0 slow, 1 medium, 2 fast."""
        return TEMPO_LEVEL[self.frames_per_sixteenth]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Note:
    """A note in codec frames; `player` is a timbre's name or "drums"."""

    start: int
    end: int
    player: str
    key: int
    velocity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Notes of the sections first / loop / ending, laid end to end.

    A section is the whole form once: `form` names its parts ("AABA"), each `part_frames` long, equal letters sounding alike.
    `bar_frames` divides `part_frames`, which divides `loop_frames`. `changes` are the form's chords: (frame, pitch class of the root).
    """

    labels: Labels
    notes: tuple[Note, ...]
    bar_frames: int
    part_frames: int
    loop_frames: int
    form: str
    changes: tuple[tuple[int, int], ...]
    sections: tuple[tuple[str, int, int], ...]


def channels(players: tuple[str, ...]) -> dict[str, int]:
    """A MIDI channel for each player; the drums keep the tenth."""
    free = (channel for channel in range(16) if channel != DRUM_CHANNEL)
    return {player: DRUM_CHANNEL if player == DRUMS else next(free) for player in players}
