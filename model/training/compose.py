"""The composer: a seed gives seven independent attributes, a genre, players, and the notes of one loop with its fill and ending."""

from __future__ import annotations

from random import Random
from typing import Final

from . import harmony, patterns
from .palette import DRUMS, GENRES, Genre
from .pieces import FRAMES_PER_SIXTEENTH, Labels, Note, Piece

TEMPO_WEIGHTS: Final = (6, 22, 24, 24, 16, 8)
VELOCITIES: Final = (44, 60, 78, 98, 120)
ENDING_FRAMES: Final = 120
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
    1,
    1.5,
    1.5,
    1,
    2.5,
    2.5,
    1,
    1,
)  # those that a small model is slow to learn, more often


def compose(seed: int) -> Piece:
    """The piece of a seed; equal seeds give equal pieces."""
    random = Random(seed)
    plan = _Plan(random)
    loop = plan.loop()
    frames, bar = plan.loop_frames, plan.bar_frames
    notes: list[Note] = []
    sections: list[tuple[str, int, int]] = []
    for name in ("first", "loop"):
        start = len(sections) * frames
        notes += [_moved(note, start) for note in loop]
        sections.append((name, start, start + frames))
    end = 2 * frames
    if DRUMS in plan.labels.instruments and random.random() < 0.45:
        fill = plan.with_fill(loop)
        notes += [_moved(note, end) for note in fill]
        sections.append(("fill", end, end + frames))
        end += frames
    if random.random() < 0.12:
        notes += [_moved(note, end) for note in plan.ending(loop)]
        sections.append(("ending", end, end + ENDING_FRAMES))
    return Piece(labels=plan.labels, notes=tuple(notes), bar_frames=bar, loop_frames=frames, sections=tuple(sections))


def _moved(note: Note, by: int) -> Note:
    return Note(note.start + by, note.end + by, note.player, note.key, note.velocity)


class _Plan:
    """One draw of attributes and of the banks' patterns, and the notes that follow from them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._genre_name = random.choice(sorted(GENRES))
        self._genre: Genre = GENRES[self._genre_name]
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
        self._bars = 1 if self._sixteenth >= 10 or (self._sixteenth == 8 and random.random() < 0.5) else 2
        self._chords = harmony.progression(
            random,
            self._mode,
            self._tension == 2,
            self._complexity,
            (2 if self._complexity == 0 and random.random() < 0.5 else 4)
            if self._bars == 2
            else random.choice((2, 4))
            if self._complexity == 2
            else 2,
        )
        self.bar_frames = 16 * self._sixteenth
        self.loop_frames = self._bars * self.bar_frames
        self._players = self._soloist() if self._solo else self._band()
        names = dict.fromkeys(player for _, player, _ in self._players)
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
        genre, random = self._genre, self._random
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

    # -- notes -------------------------------------------------------------------------------------------------

    def loop(self) -> list[Note]:
        """The notes of one loop."""
        makers = {
            "drums": self._drums,
            "bass": self._bass_line,
            "chords": self._comping,
            "arp": self._comping,
            "lead": self._melody,
            "pad": self._pad,
            "voice": self._voice,
        }
        notes: list[Note] = []
        for role, player, manner in self._players:
            notes += makers[role](player, manner)
        return notes

    def with_fill(self, loop: list[Note]) -> list[Note]:
        """The loop with its last half bar of drums replaced by a fill."""
        start = self.loop_frames - self.bar_frames // 2
        kept = [note for note in loop if note.player != DRUMS or note.start < start]
        fill = self._hits(self._random.choice(patterns.FILLS), self._bars - 1)
        return kept + fill

    def ending(self, loop: list[Note]) -> list[Note]:
        """The first chord once more, held and let ring, with a last stroke of the drums."""
        first = [note for note in loop if note.start == 0]
        return [Note(0, ENDING_FRAMES - 40, note.player, note.key, note.velocity) for note in first]

    def _at(self, bar: int, step: int) -> int:
        late = round(0.5 * self._sixteenth) if self._genre.swing and not self._solo and step % 4 == 2 else 0
        return bar * self.bar_frames + step * self._sixteenth + late

    def _velocity(self, accent: bool, soft: bool = False) -> int:
        level = self._energy - (0 if accent else 1) - (1 if soft else 0)
        return VELOCITIES[max(0, min(4, level + (1 if self._energy < 2 else 0)))]

    def _chord_at(self, bar: int, step: int) -> harmony.Chord:
        position = (bar * 16 + step) * len(self._chords) // (16 * self._bars)
        return self._chords[position]

    def _hits(self, bar_pattern: patterns.Bar, bar: int) -> list[Note]:
        hits: list[Note] = []
        for key, strokes in bar_pattern.items():
            for step, stroke in enumerate(strokes):
                if stroke != ".":
                    start = self._at(bar, step)
                    hits.append(
                        Note(
                            start,
                            start + self._sixteenth,
                            DRUMS,
                            key,
                            self._velocity(stroke == "X", key == patterns.HAT),
                        )
                    )
        return hits

    def _drums(self, _: str, manner: str) -> list[Note]:
        tier = (0, 0, 1, 1, 2)[self._energy] if self._random.random() < 0.8 else 1
        chosen = self._random.choice(patterns.DRUM_BARS[manner][tier])
        return [hit for bar in range(self._bars) for hit in self._hits(chosen, bar)]

    def _spans(self, pattern: str) -> list[tuple[int, int, str]]:
        """(first step, step after the last, symbol) of every note of a bar."""
        spans: list[tuple[int, int, str]] = []
        for step, symbol in enumerate(pattern):
            if symbol in ".-":
                continue
            end = step + 1
            while end < 16 and pattern[end] == "-":
                end += 1
            spans.append((step, end, symbol))
        return spans

    def _bass_line(self, player: str, manner: str) -> list[Note]:
        pattern = self._random.choice(patterns.BASS_BARS[manner])
        low = 28 if self._bass == 2 else 36
        notes: list[Note] = []
        for bar in range(self._bars):
            for step, end, symbol in self._spans(pattern):
                chord = self._chord_at(bar, step)
                third = chord[1] if len(chord) > 2 else 7
                offset = {"0": 0, "1": 12, "5": 7, "3": third - chord[0]}[symbol]
                key = low + (self._tonic + chord[0] - low) % 12 + offset
                velocity = VELOCITIES[min(4, (1, 2, 4)[self._bass] if self._energy < 3 else (1, 3, 4)[self._bass])]
                for start, stop in self._split(bar, step, end):
                    notes.append(Note(start, stop, player, key, velocity))
        return notes

    def _split(self, bar: int, step: int, end: int) -> list[tuple[int, int]]:
        """A held note, one frame short of the next onset so that keys are released before they are struck again."""
        return [(self._at(bar, step), max(self._at(bar, step) + 2, bar * self.bar_frames + end * self._sixteenth - 1))]

    def _comping(self, player: str, manner: str) -> list[Note]:
        if manner in patterns.BROKEN_BARS:
            return self._broken(player, manner)
        pattern = self._random.choice(patterns.CHORD_BARS[manner])
        centre = {"electric guitar": 50, "strings": 60, "acoustic guitar": 56}.get(player, 60)
        notes: list[Note] = []
        for bar in range(self._bars):
            for step, end, symbol in self._spans(pattern):
                chord = self._chord_at(bar, step)
                power = player == "electric guitar" and self._complexity < 2
                keys = harmony.voicing((chord[0], chord[0] + 7, chord[0] + 12) if power else chord, self._tonic, centre)
                if power:
                    keys = sorted({*keys, min(keys) + 12})
                keys = self._sharpened(keys)
                for start, stop in self._split(bar, step, end):
                    notes += [Note(start, stop, player, key, self._velocity(symbol == "X")) for key in keys]
        return notes

    def _sharpened(self, keys: list[int]) -> list[int]:
        """A tense chord rubs: its lowest voice is doubled a semitone above the octave."""
        return [*keys, keys[0] + 13] if self._tension == 2 else keys

    def _broken(self, player: str, manner: str) -> list[Note]:
        pattern = self._random.choice(patterns.BROKEN_BARS[manner])
        if self._energy < 2 and manner == "arp":
            pattern = "".join(symbol if step % 2 == 0 else "." for step, symbol in enumerate(pattern))
        centre = 72 if manner == "arp" else 60
        notes: list[Note] = []
        for bar in range(self._bars):
            for step, symbol in enumerate(pattern):
                if symbol == ".":
                    continue
                keys = harmony.voicing(self._chord_at(bar, step), self._tonic, centre)
                keys = [*keys, keys[0] + 12, keys[1] + 12]
                start = self._at(bar, step)
                notes.append(
                    Note(
                        start, start + 2 * self._sixteenth - 1, player, keys[int(symbol)], self._velocity(step % 4 == 0)
                    )
                )
        return notes

    def _pad(self, player: str, _: str) -> list[Note]:
        notes: list[Note] = []
        for bar, step, steps in self._changes():
            start = bar * self.bar_frames + step * self._sixteenth
            for key in harmony.voicing(self._chord_at(bar, step), self._tonic, 64):
                notes.append(Note(start, start + steps * self._sixteenth - 1, player, key, self._velocity(False)))
        if self._tension == 2:
            notes += [Note(note.start, note.end, player, self._tonic + 73, note.velocity) for note in notes[:1]]
        return notes

    def _changes(self) -> list[tuple[int, int, int]]:
        """(bar, step, steps) of every chord of the loop."""
        steps = 16 * self._bars // len(self._chords)
        return [(*divmod(index * steps, 16), steps) for index in range(len(self._chords))]

    def _voice(self, player: str, manner: str) -> list[Note]:
        if manner == "lead":
            return self._melody(player, "")
        level = VELOCITIES[(1, 3)[self._vocal - 1] if self._energy < 3 else (2, 4)[self._vocal - 1]]
        notes: list[Note] = []
        for bar, step, steps in self._changes():
            start = bar * self.bar_frames + step * self._sixteenth
            for key in harmony.voicing(self._chord_at(bar, step), self._tonic, 62)[:3]:
                notes.append(Note(start, start + steps * self._sixteenth - 1, player, key, level))
        return notes

    def _melody(self, player: str, _: str) -> list[Note]:
        bank = patterns.MELODY_BARS[(0, 0, 1, 1, 2)[self._energy] if player != "choir" else 0]
        rhythm = self._random.choice(bank)
        steps = [self._random.choice((-2, -1, -1, 0, 1, 1, 2)) for _ in range(16)]
        home = {"flute": 79, "trumpet": 70, "choir": 67, "electric guitar": 69}.get(player, 74)
        key = harmony.nearest(self._tonic, home)
        ladder = [key + 12 * octave + tone for octave in (-1, 0, 1) for tone in harmony.scale(self._mode)]
        notes: list[Note] = []
        for bar in range(self._bars):
            for index, (step, end, _symbol) in enumerate(self._spans(rhythm)):
                place = min(range(len(ladder)), key=lambda rung: abs(ladder[rung] - key))
                key = ladder[max(5, min(15, place + steps[index]))]
                if step % 8 == 0:
                    chord = self._chord_at(bar, step)
                    key = min(
                        (harmony.nearest((self._tonic + tone) % 12, key) for tone in chord[:3]),
                        key=lambda k: abs(k - key),
                    )
                for start, stop in self._split(bar, step, end):
                    notes.append(Note(start, stop, player, key, self._velocity(True)))
        return notes
