"""Times of a script's sentences over a take: at bars where they fit, else at beats, else one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resonance.errors import invalid_field

# Silence between two sentences at least, and before the first one of a script that names no time.
GAP_S = 0.35
FIRST_S = 1.0
# Nothing is spoken over the last moment of the music, so that its end is heard.
END_S = 0.3
WORDS_PER_S_MAX = 2.5
_BEATS_A_BAR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence to be placed: its section's index, its text, and how long it lasts when spoken."""

    section: int
    text: str
    duration_s: float

    @property
    def word_count(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A sentence and when it begins."""

    sentence: Sentence
    start_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.sentence.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All sentences in their order; `grid` says where they begin: `bars`, `beats` or `free`."""

    placed: tuple[Placed, ...]
    grid: str


def place(
    sentences: Sequence[Sentence], starts_s: Sequence[float | None], *, duration_s: float, bpm: float | None
) -> Placement:
    """Places the sentences of all sections.

    Sentences never overlap, and after a sentence of n words the next one begins n / WORDS_PER_S_MAX seconds later at the earliest, so
    that at most that many words a second are spoken on average.

    Args:
        sentences: in the order in which they are spoken.
        starts_s: of each section the time at which it may begin; None for after the one before.
        duration_s: length of the take.
        bpm: tempo of the take, whose first beat is at 0; None where it has none.

    Raises:
        InvalidInput: a section runs into the next one's time, or past the end of the take; the message says by how much.
    """
    late: list[tuple[int, float]] = []
    for grid, step_s in _grids(bpm):
        placed = _place_on(sentences, starts_s, step_s)
        late = _overruns(placed, starts_s, duration_s)
        if not late:
            return Placement(placed=tuple(placed), grid=grid)
    section, over_s = late[0]
    limit = (
        "the end of the take" if not any(start is not None for start in starts_s[section + 1 :]) else "the next section"
    )
    message = f"is spoken {over_s:.1f} s past {limit}; shorten it, begin it earlier, or speak faster"
    raise invalid_field(f"sections[{section}].text", "SCRIPT_TOO_LONG", message)


def _grids(bpm: float | None) -> list[tuple[str, float]]:
    free = [("free", 0.0)]
    return [("bars", _BEATS_A_BAR * 60.0 / bpm), ("beats", 60.0 / bpm), *free] if bpm else free


def _place_on(sentences: Sequence[Sentence], starts_s: Sequence[float | None], step_s: float) -> list[Placed]:
    placed: list[Placed] = []
    earliest_s, section = FIRST_S, -1
    for sentence in sentences:
        if sentence.section != section:
            section = sentence.section
            asked_s = starts_s[section]
            earliest_s = earliest_s if asked_s is None else max(asked_s, earliest_s if placed else 0.0)
        start_s = math.ceil(round(earliest_s / step_s, 6)) * step_s if step_s else earliest_s
        placed.append(Placed(sentence=sentence, start_s=start_s))
        earliest_s = max(placed[-1].end_s + GAP_S, start_s + sentence.word_count / WORDS_PER_S_MAX)
    return placed


def _overruns(placed: Sequence[Placed], starts_s: Sequence[float | None], duration_s: float) -> list[tuple[int, float]]:
    """Sections that are spoken too long, and by how many seconds."""
    late: dict[int, float] = {}
    for one in placed:
        later = [start for start in starts_s[one.sentence.section + 1 :] if start is not None]
        limit_s = min([*later, duration_s - END_S])
        if one.end_s > limit_s + 1e-6:
            late[one.sentence.section] = one.end_s - limit_s
    return list(late.items())
