"""Composer: a seed gives attributes, genre, players, form, notes.

The seven attributes are independent, and the notes are those of all parts.
"""

from __future__ import annotations

from random import Random
from typing import Final

from . import forms, harmony
from .lines import Lines
from .palette import DRUMS, GENRES, Genre
from .pieces import FRAMES_PER_SIXTEENTH, Labels, Note, Piece

TEMPO_WEIGHTS: Final = (6, 22, 24, 24, 16, 8)
ENDING_FRAMES: Final = 120
ENDING_SHARE: Final = 0.12
SOLO_SHARE: Final = 0.2
SOLOISTS: Final = (
    "piano",
    "acoustic guitar",
    "electric guitar",
    "drums",
    "strings",
    "flute",
    "trumpet",
    "choir",
    "organ",
    "synth",
    "electric piano",
    "bass guitar",
)
SOLOIST_WEIGHTS: Final = (
    1,
    1,
    1,
    1,
    1.5,
    1.5,
    1.5,
    1,
    1.5,
    1.5,
    2,
    2,
)  # those that a small model is slow to learn, more often


def compose(seed: int) -> Piece:
    """The piece of a seed; equal seeds give equal pieces."""
    random = Random(seed)
    plan = _Plan(random)
    lines = Lines(random, plan.labels, plan.genre, plan.form, plan.bars, plan.progressions)
    once = lines.notes(plan.players)
    frames = lines.part_frames * len(plan.form)
    notes = [*once, *(_moved(note, frames) for note in once)]
    sections = [("first", 0, frames), ("loop", frames, 2 * frames)]
    if random.random() < ENDING_SHARE:
        notes += [_moved(note, 2 * frames) for note in _ending(once)]
        sections.append(("ending", 2 * frames, 2 * frames + ENDING_FRAMES))
    return Piece(
        labels=plan.labels,
        notes=tuple(notes),
        bar_frames=lines.bar_frames,
        part_frames=lines.part_frames,
        loop_frames=frames,
        form=plan.form,
        changes=lines.changes(),
        sections=tuple(sections),
    )


def _moved(note: Note, by: int) -> Note:
    return Note(note.start + by, note.end + by, note.player, note.key, note.velocity)


def _ending(once: list[Note]) -> list[Note]:
    """The first chord once more, held and let ring, with a last stroke of the drums."""
    return [Note(0, ENDING_FRAMES - 40, note.player, note.key, note.velocity) for note in once if note.start == 0]


class _Plan:
    """One draw of attributes, players, form and chords."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._genre_name = random.choice(sorted(GENRES))
        self.genre: Genre = GENRES[self._genre_name]
        self._sixteenth = random.choices(FRAMES_PER_SIXTEENTH, TEMPO_WEIGHTS)[0]
        self._energy = random.randrange(5)
        self._bass = random.randrange(3)
        self._complexity = random.randrange(3)
        self._density = random.randint(1, 5)
        self._vocal = random.choices((0, 1, 2), (50, 20, 30))[0]
        self._tension = random.randrange(3)
        self._mode = (
            "minor"
            if self._tension == 2
            else random.choice(("major", "minor") if self._tension else ("major",) * 3 + ("minor",))
        )
        self._tonic = random.choice(harmony.TONICS[self._mode])
        self._solo = random.random() < SOLO_SHARE
        self.bars = 1 if self._sixteenth >= 10 or (self._sixteenth == 8 and random.random() < 0.5) else 2
        self.form = forms.drawn(random)
        self.progressions = harmony.progressions(
            random, self._mode, self._tension == 2, self._complexity, self._chords_of_a_part(), self.form
        )
        self.players = self._soloist() if self._solo else self._band()
        names = dict.fromkeys(player for _, player, _ in self.players)
        self.labels = Labels(
            genre=self._genre_name,
            frames_per_sixteenth=self._sixteenth,
            mode=self._mode,
            tonic=self._tonic,
            energy=self._energy,
            bass_resonance=self._bass,
            harmonic_complexity=self._complexity,
            instrument_density=self._density,
            vocal_presence=self._vocal,
            emotional_tension=self._tension,
            instruments=tuple(names),
            solo=self._solo,
        )

    def _chords_of_a_part(self) -> int:
        """Two or four: simple harmony changes less often than rich harmony, and one bar holds fewer chords than two."""
        if self.bars == 2:
            return 2 if self._complexity == 0 and self._random.random() < 0.5 else 4
        return self._random.choice((2, 4)) if self._complexity == 2 else 2

    def _soloist(self) -> list[tuple[str, str, str]]:
        player = self._random.choices(SOLOISTS, SOLOIST_WEIGHTS)[0]
        self._density = 1
        self._vocal = 2 if player == "choir" else 0
        self._bass = 2 if player == "bass guitar" else 0
        if player == DRUMS:
            return [("drums", DRUMS, self._random.choice(("rock", "funk", "boombap", "house", "toms")))]
        if player == "bass guitar":
            return [("bass", player, self._random.choice(("eighths", "walking", "syncopated", "octaves")))]
        if player in ("flute", "trumpet"):
            return [("lead", player, "")]
        if player == "choir":
            return [("voice", player, "pad")]
        manners = {
            "piano": ("alberti", "arpeggio", "block"),
            "acoustic guitar": ("strum", "arpeggio"),
            "strings": ("block", "ostinato"),
            "electric guitar": ("power", "block"),
            "synth": ("arp", "stabs"),
            "organ": ("block", "comp"),
            "electric piano": ("block", "arpeggio", "comp"),
        }
        parts = [("chords", player, self._random.choice(manners[player]))]
        if player in ("piano", "strings", "electric piano") and self._random.random() < 0.6:
            parts.append(("lead", player, ""))
        return parts

    def _band(self) -> list[tuple[str, str, str]]:
        genre, random = self.genre, self._random
        roles = list(genre.roles)
        if random.random() < 0.3:
            random.shuffle(roles)
        parts: list[tuple[str, str, str]] = []
        for role in roles[: self._density]:
            if role == "drums":
                parts.append((role, DRUMS, random.choice(genre.drums)))
            else:
                manner = random.choice(genre.chords) if role == "chords" else "arp" if role == "arp" else ""
                parts.append((role, random.choice(genre.timbres[role]), manner))
        if self._bass:
            parts.append(("bass", random.choice(genre.timbres["bass"]), random.choice(genre.bass)))
        if self._vocal:
            parts.append(("voice", "choir", "pad" if self._vocal == 1 else random.choice(("pad", "lead"))))
        return parts
