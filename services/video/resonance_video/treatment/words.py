"""Words of a concept: tokens, negations, and the places of what was read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TypeVar

from resonance_video.treatment.lexicon import NEGATIONS, STOP_WORDS

Value = TypeVar("Value")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NEGATED_WITHIN = 2
_UNREAD_MAX = 100


class ConceptWords:
    """The words of a concept in order; remembers which of them were read."""

    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFKC", text).lower()
        self.tokens = _TOKEN.findall(self.text)
        self._read: set[int] = set()

    def find(self, table: Mapping[str, Value]) -> list[tuple[int, Value]]:
        """Places and values of the table's words, in order, negated ones left out."""
        found = []
        for place, token in enumerate(self.tokens):
            if token in table:
                self._read.add(place)
                if not self.is_negated(place):
                    found.append((place, table[token]))
        return found

    def negated(self, table: Mapping[str, Value]) -> set[Value]:
        """Values of the table's words that the concept does not want."""
        return {table[token] for place, token in enumerate(self.tokens) if token in table and self.is_negated(place)}

    def values(self, table: Mapping[str, Value]) -> list[Value]:
        """Values of the table's words in order, each once."""
        return list(dict.fromkeys(value for _, value in self.find(table)))

    def is_negated(self, place: int) -> bool:
        """True where `not`, `no` or `without` stands at most two words before."""
        return any(token in NEGATIONS for token in self.tokens[max(0, place - _NEGATED_WITHIN) : place])

    def mark_read(self, *places: int) -> None:
        """Marks words as read."""
        self._read.update(places)

    def unread(self) -> tuple[str, ...]:
        """Words that nothing read, in order, each once."""
        rest = [
            token
            for place, token in enumerate(self.tokens)
            if place not in self._read and token not in STOP_WORDS and token not in NEGATIONS and len(token) > 1
        ]
        return tuple(word[:40] for word in dict.fromkeys(rest))[:_UNREAD_MAX]
