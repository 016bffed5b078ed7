"""Reads a wish as clauses: the lexicon's longest phrases, verbs with their particle apart, numbers, and where one wish ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from resonance.wishes.lexicon import LEXICON, PHRASE_WORDS_MAX, Kind, Sense

_BREAKS = re.compile(
    r"[;!?\n]|[.,](?!\d)|&|\b(?:and|plus|also|then|while|yet|though|nor|(?<!more )or|(?<!anything )(?<!nothing )but)\b"
)
_WORD = re.compile(r"[+-]?\d+(?:\.\d+)?%?|[a-z]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(%?)")
PARTICLES = frozenset({"up", "down", "back", "off", "out", "away", "in"})
_PARTICLE_WORDS_MAX = 6  # a verb and its particle stand at most so far apart
_WHOLE = frozenset({"it", "things", "everything", "this", "that", "all", "the", "whole", "thing", "music", "song"})
_AIMS = frozenset({"to", "at", "is"})
_NUMBERS = {"zero": 0.0, "one": 1.0}
_WHAT = frozenset({Kind.TARGET, Kind.SENSE})
_WITHOUT = frozenset({Kind.WITHOUT})
# What says how by itself; "a bit", "too" and "enough" only colour it.
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
    """A number; `is_aim` where it stands after "to", "at" or "is"."""

    value: float
    is_signed: bool
    is_aim: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A phrase and its meaning; None where nobody knows it."""

    phrase: str
    meaning: Sense | Number | None

    def is_of(self, kinds: frozenset[Kind]) -> bool:
        """Whether it is a sense of one of the kinds."""
        return isinstance(self.meaning, Sense) and self.meaning.kind in kinds

    @property
    def says_how(self) -> bool:
        """Whether it says how by itself."""
        return isinstance(self.meaning, Number) or self.is_of(_HOW)


@dataclass(frozen=True, slots=True)
class Clause:
    """One wish as it was read; `said` where some of its items come from a neighbour."""

    items: tuple[Item, ...]
    said: str = ""

    @property
    def words(self) -> str:
        """As it was said."""
        return self.said or " ".join(item.phrase for item in self.items)

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
        """Its number, if it has one."""
        return next((item.meaning for item in self.items if isinstance(item.meaning, Number)), None)

    @property
    def is_empty(self) -> bool:
        """Whether it only fills: "please"."""
        return all(item.is_of(frozenset({Kind.FILLER})) for item in self.items)

    @property
    def sliders(self) -> list[str]:
        """The sliders that are named as such."""
        return list(dict.fromkeys(sense.slider for sense in self.of(Kind.TARGET)))

    def of(self, kind: Kind) -> list[Sense]:
        """The senses of one kind."""
        return [sense for _, sense in self.senses if sense.kind is kind]

    def has(self, kind: Kind) -> bool:
        """Whether any sense is of the kind."""
        return bool(self.of(kind))


def parse_clauses(text: str) -> list[Clause]:
    """The wishes of a text, in their order."""
    read = [_items_of(_WORD.findall(part)) for part in _BREAKS.split(clean(text))]
    return [Clause(tuple(items)) for part in read for items in _parted(part) if items]


def clean(text: str) -> str:
    """Lower case, with one way to write apostrophes, signs and per cent."""
    text = text.lower().replace("’", "'").replace("−", "-").replace("percent", "%").replace(" %", "%")
    return re.sub(r"\bplus (?=\d)", "+", re.sub(r"\bminus (?=\d)", "-", text))


# --- words to items


def _items_of(words: list[str]) -> list[Item]:
    items: list[Item] = []
    particles: set[int] = set()
    place = 0
    while place < len(words):
        if place in particles:
            items.append(Item(words[place], _FILLER))
            place += 1
        elif words[place] == "than":
            items = [Item(item.phrase, _KEEP) if item.phrase == "no more" else item for item in items]
            items.append(Item(" ".join(words[place:]), _compared(words[place + 1 :])))
            place = len(words)
        elif number := _number_at(words, place):
            items.append(Item(words[place], number))
            place += 1
        elif apart := _verb_at(words, place):
            sense, particle = apart
            items.append(Item(words[place], sense))
            particles.add(particle)
            place += 1
        else:
            items.append(_longest(words, place))
            place += len(items[-1].phrase.split())
    return [_in_place(items, index) for index in range(len(items))]


def _number_at(words: Sequence[str], place: int) -> Number | None:
    is_aim = place > 0 and words[place - 1] in _AIMS
    if words[place] in _NUMBERS and is_aim:
        return Number(_NUMBERS[words[place]], False, True)
    if not (found := _NUMBER.fullmatch(words[place])):
        return None
    sign, digits, percent = found.groups()
    value = float(digits) / (100 if percent else 1)
    return Number(-value if sign == "-" else value, bool(sign), is_aim)


def _verb_at(words: Sequence[str], place: int) -> tuple[Sense, int] | None:
    """A verb whose particle stands apart, with its place: "slow it way down", "turn the bass down"."""
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


def _compared(words: Sequence[str]) -> Sense | None:
    """What stands after "than" is no wish: "more than before". Of "more than I'd like" it is the complaint: "too much"."""
    rest = [word for word in words if word not in _WANTED]
    if not _is_filling(rest):
        return None
    return _FILLER if rest == list(words) else Sense(Kind.EXCESS)


def _is_filling(words: Sequence[str]) -> bool:
    return all(LEXICON.get(word) == _FILLER or word == "before" for word in words)


def _longest(words: Sequence[str], place: int) -> Item:
    for length in range(min(PHRASE_WORDS_MAX, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        if sense := LEXICON.get(phrase):
            return Item(phrase, sense)
    return Item(words[place], None)


def _in_place(items: Sequence[Item], index: int) -> Item:
    """ "little bass" is less of it, "little slower" a little."""
    is_before_target = index + 1 < len(items) and items[index + 1].is_of(frozenset({Kind.TARGET}))
    return Item("little", _LESS) if items[index].phrase == "little" and is_before_target else items[index]


# --- where one wish ends without a word that says so


def _parted(items: list[Item]) -> list[list[Item]]:
    """Cuts where another wish begins: "more bass less drums", "bass up drums down", "faster without getting louder"."""
    marks = [(index, item.says_how) for index, item in enumerate(items) if item.says_how or item.is_of(_WHAT)]
    is_how_last = bool(marks) and not marks[0][1] and marks[-1][1]
    whats = [index for index, says_how in marks if not says_how]
    cuts = {
        before + 1 if is_how_last else index
        for (before, was_how), (index, is_how) in pairwise(marks)
        if was_how is is_how_last and is_how is not is_how_last and index <= whats[-1]
    }
    cuts |= {index for index, item in enumerate(items) if item.is_of(_WITHOUT) and whats and whats[0] < index}
    bounds = [0, *sorted(cuts), len(items)]
    return [items[start:end] for start, end in pairwise(bounds)]
