"""Clauses of a wish: phrases, split verbs, numbers, bounds.

The phrases are the longest ones of the lexicon. Bounds separate one wish from the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resonance.wishes.lexicon import LEXICON, PHRASE_WORDS_MAX, Kind, Sense

_BREAKS = re.compile(
    r"[;!?\n]|[.,](?!\d)|&|\b(?:and|plus|also|then|while|yet|though|nor|(?<!more )or|(?<!anything )(?<!nothing )but)\b"
)
_WORD = re.compile(r"\d+s\b|[+-]?\d+(?:\.\d+)?%?|[^\W\d_]+(?:'[^\W\d_]+)?")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(%?)")
PARTICLES = frozenset({"up", "down", "back", "off", "out", "away", "in"})
_PARTICLE_WORDS_MAX = 6  # the most words between a verb and its particle
_WHOLE = frozenset({"it", "things", "everything", "this", "that", "all", "the", "whole", "thing", "music", "song"})
_AIMS = frozenset({"to", "at", "is"})
_NUMBERS = {"zero": 0.0, "one": 1.0}
_WHAT = frozenset({Kind.TARGET, Kind.SENSE})
_WITHOUT = frozenset({Kind.WITHOUT})
# The kinds that say how a slider moves; "a bit", "too" and "enough" only modify them.
_HOW = frozenset(
    {
        *(Kind.LEAN, Kind.NEGATION, Kind.ABSENCE, Kind.WITHOUT, Kind.HALF, Kind.DOUBLE),
        *(Kind.EXTREME, Kind.MIDDLE, Kind.KEEP, Kind.PRAISE),
    }
)
_LESS = Sense(Kind.LEAN, sign=-1)
_FILLER = Sense(Kind.FILLER)
_KEEP = Sense(Kind.KEEP)  # "no more bass than now": as it is
_WANTED = frozenset({"like", "want", "wanted", "need", "needed", "love"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number. `is_aim` is true after "to", "at" or "is"."""

    value: float
    is_signed: bool
    is_aim: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A phrase and its meaning, which is None where the lexicon lacks it."""

    phrase: str
    meaning: Sense | Number | None

    def has_kind(self, kinds: frozenset[Kind]) -> bool:
        """True for a sense of one of the kinds."""
        return isinstance(self.meaning, Sense) and self.meaning.kind in kinds

    @property
    def has_manner(self) -> bool:
        """True where it says how a slider moves."""
        return isinstance(self.meaning, Number) or self.has_kind(_HOW)


@dataclass(frozen=True, slots=True)
class Clause:
    """One wish. `wording` is its text where some of its items come from a neighbour."""

    items: tuple[Item, ...]
    wording: str = ""

    @property
    def words(self) -> str:
        """The text of the wish."""
        return self.wording or " ".join(item.phrase for item in self.items)

    @property
    def senses(self) -> list[tuple[str, Sense]]:
        """Phrases with a meaning, in their order."""
        return [(item.phrase, item.meaning) for item in self.items if isinstance(item.meaning, Sense)]

    @property
    def unknown(self) -> list[str]:
        """Words that the lexicon does not have."""
        return [item.phrase for item in self.items if item.meaning is None]

    @property
    def number(self) -> Number | None:
        """Its first number, or None."""
        return next((item.meaning for item in self.items if isinstance(item.meaning, Number)), None)

    @property
    def is_empty(self) -> bool:
        """True where all items are fillers, such as "please"."""
        return all(item.has_kind(frozenset({Kind.FILLER})) for item in self.items)

    @property
    def sliders(self) -> list[str]:
        """The sliders that are named as such."""
        return list(dict.fromkeys(sense.slider for sense in self.of(Kind.TARGET)))

    def of(self, kind: Kind) -> list[Sense]:
        """The senses of one kind."""
        return [sense for _, sense in self.senses if sense.kind is kind]

    def has(self, kind: Kind) -> bool:
        """True where any sense is of the kind."""
        return bool(self.of(kind))


def parse_clauses(text: str, *, read: Callable[[list[str]], list[Item]] | None = None) -> list[Clause]:
    """The wishes of a text, in their order. `read` turns the words between two breaks into items; None is `parse_items`."""
    parts = [(read or parse_items)(_WORD.findall(part)) for part in _BREAKS.split(normalise(text))]
    return [Clause(tuple(items)) for part in parts for items in _split_wishes(part) if items]


def normalise(text: str) -> str:
    """The text in lower case, with apostrophes, signs and per cent in one spelling."""
    text = text.lower().replace("’", "'").replace("−", "-").replace("percent", "%").replace(" %", "%")
    return re.sub(r"\bplus (?=\d)", "+", re.sub(r"\bminus (?=\d)", "-", text))


# --- words to items


def parse_items(words: list[str]) -> list[Item]:
    """The items of the words between two breaks."""
    items: list[Item] = []
    particles: set[int] = set()
    place = 0
    while place < len(words):
        if place in particles:
            items.append(Item(words[place], _FILLER))
            place += 1
        elif words[place] == "than":
            items = [Item(item.phrase, _KEEP) if item.phrase == "no more" else item for item in items]
            items.append(Item(" ".join(words[place:]), _parse_comparison(words[place + 1 :])))
            place = len(words)
        elif number := _parse_number(words, place):
            items.append(Item(words[place], number))
            place += 1
        elif apart := _parse_split_verb(words, place):
            sense, particle = apart
            items.append(Item(words[place], sense))
            particles.add(particle)
            place += 1
        else:
            items.append(_parse_longest_phrase(words, place))
            place += len(items[-1].phrase.split())
    return [_resolve_little(items, index) for index in range(len(items))]


def _parse_number(words: Sequence[str], place: int) -> Number | None:
    is_aim = place > 0 and words[place - 1] in _AIMS
    if words[place] in _NUMBERS and is_aim:
        return Number(_NUMBERS[words[place]], False, True)
    if not (found := _NUMBER.fullmatch(words[place])):
        return None
    sign, digits, percent = found.groups()
    value = float(digits) / (100 if percent else 1)
    return Number(-value if sign == "-" else value, bool(sign), is_aim)


def _parse_split_verb(words: Sequence[str], place: int) -> tuple[Sense, int] | None:
    """The sense of a verb whose particle is split off, and the particle's place: "slow it way down", "turn the bass down"."""
    end = min(len(words), place + _PARTICLE_WORDS_MAX + 1)
    for particle in range(place + 2, end):
        if words[particle] not in PARTICLES:
            continue
        between = [word for word in words[place + 1 : particle] if not _is_degree(word)]
        if set(between) <= _WHOLE:
            sense = LEXICON.get(f"{words[place]} it {words[particle]}") or LEXICON.get(
                f"{words[place]} {words[particle]}"
            )
        else:
            sense = LEXICON.get(f"{words[place]} {words[particle]}")
        if sense is not None and f"{words[place]} {words[place + 1]}" not in LEXICON:
            return sense, particle
    return None


def _is_degree(word: str) -> bool:
    return word in LEXICON and LEXICON[word].kind is Kind.DEGREE


def _parse_comparison(words: Sequence[str]) -> Sense | None:
    """The sense of the words after "than": a filler in "more than before", a complaint in "more than I'd like"."""
    rest = [word for word in words if word not in _WANTED]
    if not _is_filling(rest):
        return None
    return _FILLER if rest == list(words) else Sense(Kind.EXCESS)


def _is_filling(words: Sequence[str]) -> bool:
    return all(LEXICON.get(word) == _FILLER or word == "before" for word in words)


def _parse_longest_phrase(words: Sequence[str], place: int) -> Item:
    for length in range(min(PHRASE_WORDS_MAX, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        if sense := LEXICON.get(phrase):
            return Item(phrase, sense)
    return Item(words[place], None)


def _resolve_little(items: Sequence[Item], index: int) -> Item:
    """Reads "little" before a target as less of it ("little bass"), and elsewhere as a degree ("little slower")."""
    is_before_target = index + 1 < len(items) and items[index + 1].has_kind(frozenset({Kind.TARGET}))
    return Item("little", _LESS) if items[index].phrase == "little" and is_before_target else items[index]


# --- bounds between wishes without a conjunction


def _split_wishes(items: list[Item]) -> list[list[Item]]:
    """Splits items into wishes: "more bass less drums", "bass up drums down", "faster without getting louder"."""
    marks = [(index, item.has_manner) for index, item in enumerate(items) if item.has_manner or item.has_kind(_WHAT)]
    is_how_last = bool(marks) and not marks[0][1] and marks[-1][1]
    whats = [index for index, has_manner in marks if not has_manner]
    cuts = {
        before + 1 if is_how_last else index
        for (before, was_how), (index, is_how) in pairwise(marks)
        if was_how is is_how_last and is_how is not is_how_last and index <= whats[-1]
    }
    cuts |= {index for index, item in enumerate(items) if item.has_kind(_WITHOUT) and whats and whats[0] < index}
    bounds = [0, *sorted(cuts), len(items)]
    return [items[start:end] for start, end in pairwise(bounds)]
