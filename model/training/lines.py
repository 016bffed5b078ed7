"""Note lines of players for every part of a form.

Equal parts have equal notes, except for the step that leads into the next part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from random import Random
from typing import Final

from . import forms, harmony, patterns
from .palette import DRUMS, Genre
from .phrases import Melody, Span, spans
from .pieces import Labels, Note

VELOCITIES: Final = (44, 60, 78, 98, 120)
FILL_SHARE: Final = 0.6  # of pieces with drums and more than one part
WALK_SHARE: Final = 0.4  # of basses that are not asked to walk step into the next chord
SPARSE, DENSE = (
    1,
    4,
)  # players without bass and voice: from here down lines are thinned, from here up what is added moves
_STRONG: Final = 8  # sixteenths between the strokes that a thinned line keeps

Maker = Callable[[str, str], list[Note]]  # of one part, given the part that follows


class Lines:
    """The notes of all players over one form; every onset lies on a codec frame."""

    def __init__(
        self,
        random: Random,
        labels: Labels,
        genre: Genre,
        form: str,
        bars: int,
        progressions: dict[str, list[harmony.Chord]],
    ) -> None:
        self._random, self._labels, self._genre = random, labels, genre
        self._form, self._bars, self._progressions = form, bars, progressions
        self._sixteenth = labels.frames_per_sixteenth
        self.bar_frames = 16 * self._sixteenth
        self.part_frames = bars * self.bar_frames
        self._is_sparse = not labels.solo and labels.instrument_density <= SPARSE
        self._is_dense = not labels.solo and labels.instrument_density >= DENSE

    def notes(self, players: list[tuple[str, str, str]]) -> list[Note]:
        """The notes of (role, player, manner), over the form once."""
        found: list[Note] = []
        for role, player, manner in players:
            make = self._maker(role, player, manner)
            made = {pair: make(*pair) for pair in sorted(set(forms.neighbours(self._form)))}
            line = [
                Note(note.start + place * self.part_frames, note.end + place * self.part_frames, *_rest(note))
                for place, pair in enumerate(forms.neighbours(self._form))
                for note in made[pair]
            ]
            found += self._with_fills(line) if role == "drums" else line
        return found

    def changes(self) -> tuple[tuple[int, int], ...]:
        """(frame, pitch class of the root) of every chord of the form."""
        found: list[tuple[int, int]] = []
        for place, part in enumerate(self._form):
            chords = self._progressions[part]
            for index, chord in enumerate(chords):
                frame = place * self.part_frames + index * self.part_frames // len(chords)
                found.append((frame, (self._labels.tonic + chord[0]) % 12))
        return tuple(found)

    def _maker(self, role: str, player: str, manner: str) -> Maker:
        """What plays any part for this player; all that is drawn for the player is drawn here, so that equal parts sound alike."""
        if role == "drums":
            return self._drums(manner)
        if role == "bass":
            return self._bass_line(player, manner)
        if role == "lead" or (role == "voice" and manner == "lead"):
            return self._melody(player)
        if role == "voice":
            return partial(self._held, player, 62, self._voice_level())
        if role == "pad":
            return partial(self._held, player, 64, self._velocity(False))
        if self._is_dense and manner in ("block", "late", "comp") and self._random.random() < 0.5:
            manner = "arpeggio"  # density as strokes: what is added moves, a chord that is struck again would stand
        if manner in patterns.BROKEN_BARS:
            return self._broken(player, manner)
        return self._comping(player, manner)

    # -- time and loudness ---------------------------------------------------------------------------------------

    def _at(self, bar: int, step: int) -> int:
        late = round(0.5 * self._sixteenth) if self._genre.swing and not self._labels.solo and step % 4 == 2 else 0
        return bar * self.bar_frames + step * self._sixteenth + late

    def _note(self, bar: int, step: int, end: int, player: str, key: int, velocity: int) -> Note:
        """A held note, one frame short of the next onset so that keys are released before they are struck again."""
        start = self._at(bar, step)
        return Note(start, max(start + 2, bar * self.bar_frames + end * self._sixteenth - 1), player, key, velocity)

    def _velocity(self, accent: bool, soft: bool = False) -> int:
        energy = self._labels.energy
        level = energy - (0 if accent else 1) - (1 if soft else 0)
        return VELOCITIES[max(0, min(4, level + (1 if energy < 2 else 0)))]

    def _voice_level(self) -> int:
        place = self._labels.vocal_presence - 1
        return VELOCITIES[(1, 3)[place] if self._labels.energy < 3 else (2, 4)[place]]

    # -- chords ----------------------------------------------------------------------------------------------------

    def _steps_of_a_chord(self, part: str) -> int:
        return 16 * self._bars // len(self._progressions[part])

    def _chord_at(self, part: str, bar: int, step: int) -> harmony.Chord:
        return self._progressions[part][(bar * 16 + step) // self._steps_of_a_chord(part)]

    def _at_changes(self, part: str, pattern: str) -> list[Span]:
        """The pattern's notes; one that is held over a change of chord is struck again at the change."""
        every = self._steps_of_a_chord(part)
        found: list[Span] = []
        for start, end, symbol in spans(self._thinned(pattern)):
            cuts = [start, *(step for step in range(start + 1, end) if step % every == 0), end]
            found += [(first, last, symbol) for first, last in pairwise(cuts)]
        return found

    def _thinned(self, pattern: str) -> str:
        """Of a sparse band's line the strokes at or after each half bar, held."""
        if not self._is_sparse:
            return pattern
        kept = ["-"] * 16
        for half in range(0, 16, _STRONG):
            strokes = [step for step in range(half, half + _STRONG) if pattern[step] not in ".-"]
            if strokes:
                kept[strokes[0]] = pattern[strokes[0]]
        return "".join(kept)

    # -- players ---------------------------------------------------------------------------------------------------

    def _drums(self, manner: str) -> Maker:
        tier = (0, 0, 1, 1, 2)[self._labels.energy] if self._random.random() < 0.8 else 1
        bank = patterns.DRUM_BARS[manner][tier]
        chosen, other = self._random.choice(bank), self._random.choice(bank)
        return lambda part, _: [
            hit for bar in range(self._bars) for hit in self._hits(other if part == "B" else chosen, bar)
        ]

    def _hits(self, bar_pattern: patterns.Bar, bar: int) -> list[Note]:
        hits: list[Note] = []
        for key, strokes in bar_pattern.items():
            for step, stroke in enumerate(strokes):
                if stroke != ".":
                    start = self._at(bar, step)
                    loud = self._velocity(stroke == "X", key == patterns.HAT)
                    hits.append(Note(start, start + self._sixteenth, DRUMS, key, loud))
        return hits

    def _with_fills(self, line: list[Note]) -> list[Note]:
        """The last half bar of the form, and now and then of its middle, becomes a fill; a cymbal answers on the next first beat."""
        if len(self._form) == 1 or self._random.random() >= FILL_SHARE:
            return line
        ends = [len(self._form)]
        if len(self._form) == 4 and self._random.random() < 0.4:
            ends.append(2)
        for end in ends:
            start = end * self.part_frames - self.bar_frames // 2
            line = [note for note in line if not start <= note.start < start + self.bar_frames // 2]
            last_bar = end * self._bars - 1
            line += self._hits(self._random.choice(patterns.FILLS), last_bar)
            answer = end % len(self._form) * self.part_frames
            line = [note for note in line if (note.start, note.key) != (answer, patterns.CRASH)]
            line.append(Note(answer, answer + self._sixteenth, DRUMS, patterns.CRASH, self._velocity(True)))
        return line

    def _bass_line(self, player: str, manner: str) -> Maker:
        if self._is_dense and manner in ("roots", "fifths", "drone") and self._random.random() < 0.6:
            manner = "walking"
        pattern = self._random.choice(patterns.BASS_BARS[manner])
        walks = manner == "walking" or self._random.random() < WALK_SHARE
        side = self._random.choice((-1, -1, 1))
        return partial(self._bass_part, player, pattern, side if walks else 0)

    def _bass_part(self, player: str, pattern: str, side: int, part: str, following: str) -> list[Note]:
        """Roots, fifths and thirds; where it walks, the last stroke under a chord is a step away from the next root."""
        labels = self._labels
        loud = VELOCITIES[((1, 2, 4) if labels.energy < 3 else (1, 3, 4))[labels.bass_resonance]]
        found: list[Note] = []
        chords = self._progressions[part]
        for bar in range(self._bars):
            notes = self._at_changes(part, pattern)
            for index, (step, end, symbol) in enumerate(notes):
                chord = self._chord_at(part, bar, step)
                offset = {"0": 0, "1": 12, "5": 7, "3": (chord[1] if len(chord) > 2 else 7) - chord[0]}[symbol]
                every, place = self._steps_of_a_chord(part), bar * 16 + step
                later = notes[index + 1][0] if index + 1 < len(notes) else 16
                key = self._bass_key(chord[0]) + (0 if side and not step % every else offset)
                is_last = bar * 16 + later >= (place // every + 1) * every and step % every
                if side and is_last:
                    coming = place // every + 1
                    goal = chords[coming] if coming < len(chords) else self._progressions[following][0]
                    key = self._approach(self._bass_key(goal[0]), side)
                found.append(self._note(bar, step, end, player, key, loud))
        return found

    def _bass_key(self, root: int) -> int:
        low = 28 if self._labels.bass_resonance == 2 else 36
        return low + (self._labels.tonic + root - low) % 12

    def _approach(self, goal: int, side: int) -> int:
        """The neighbour of the goal in the scale, from below or above; in rich harmony a semitone."""
        scale = {(self._labels.tonic + tone) % 12 for tone in harmony.scale(self._labels.mode)}
        if self._labels.harmonic_complexity == 2:
            return goal + side
        return next(goal + side * away for away in (1, 2, 3) if (goal + side * away) % 12 in scale)

    def _comping(self, player: str, manner: str) -> Maker:
        pattern = self._random.choice(patterns.CHORD_BARS[manner])
        centre = {"electric guitar": 50, "strings": 60, "acoustic guitar": 56}.get(player, 60)
        return lambda part, _: [
            self._note(bar, step, end, player, key, self._velocity(symbol == "X"))
            for bar in range(self._bars)
            for step, end, symbol in self._at_changes(part, pattern)
            for key in self._struck(player, self._chord_at(part, bar, step), centre)
        ]

    def _struck(self, player: str, chord: harmony.Chord, centre: int) -> list[int]:
        """The keys of a chord; a guitar's simple chords are fifths, and a tense chord rubs: its lowest voice is doubled a semitone above
        the octave."""
        power = player == "electric guitar" and self._labels.harmonic_complexity < 2
        shape = (chord[0], chord[0] + 7, chord[0] + 12) if power else chord
        keys = harmony.voicing(shape, self._labels.tonic, centre)
        if power:
            keys = sorted({*keys, min(keys) + 12})
        return [*keys, keys[0] + 13] if self._labels.emotional_tension == 2 else keys

    def _broken(self, player: str, manner: str) -> Maker:
        pattern = self._random.choice(patterns.BROKEN_BARS[manner])
        if (self._labels.energy < 2 and manner == "arp") or self._is_sparse:
            pattern = "".join(symbol if step % 2 == 0 else "." for step, symbol in enumerate(pattern))
        centre = 72 if manner == "arp" else 60
        return partial(self._broken_part, player, pattern, centre)

    def _broken_part(self, player: str, pattern: str, centre: int, part: str, _: str) -> list[Note]:
        found: list[Note] = []
        for bar in range(self._bars):
            for step, _end, symbol in spans(pattern):
                keys = harmony.voicing(self._chord_at(part, bar, step), self._labels.tonic, centre)
                keys = [*keys, keys[0] + 12, keys[1] + 12]
                start, loud = self._at(bar, step), self._velocity(step % 4 == 0)
                found.append(Note(start, start + 2 * self._sixteenth - 1, player, keys[int(symbol)], loud))
        return found

    def _held(self, player: str, centre: int, loud: int, part: str, _: str) -> list[Note]:
        """A chord held until the next; a tense one rubs."""
        every = self._steps_of_a_chord(part)
        found: list[Note] = []
        for index, chord in enumerate(self._progressions[part]):
            bar, step = divmod(index * every, 16)
            start = bar * self.bar_frames + step * self._sixteenth
            keys = harmony.voicing(chord, self._labels.tonic, centre)
            keys = keys[:3] if centre == 62 else keys
            if self._labels.emotional_tension == 2 and index == 0:
                keys = [*keys, self._labels.tonic + 73]
            found += [Note(start, start + every * self._sixteenth - 1, player, key, loud) for key in keys]
        return found

    def _melody(self, player: str) -> Maker:
        pace = (0, 0, 1, 1, 2)[self._labels.energy] if player != "choir" else 0
        pace = min(2, pace + 1) if self._is_dense and player != "choir" else pace
        home = {"flute": 79, "trumpet": 70, "choir": 67, "electric guitar": 69}.get(player, 74)
        melody = Melody(self._random, pace, home, self._labels.tonic, self._labels.mode)
        return lambda part, _: [
            self._note(bar, step, end, player, key, self._velocity(True))
            for bar, step, end, key in melody.phrase(part, self._bars, partial(self._chord_at, part))
        ]


def _rest(note: Note) -> tuple[str, int, int]:
    return note.player, note.key, note.velocity
