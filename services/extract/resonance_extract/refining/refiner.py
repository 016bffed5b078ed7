"""Refiner of wishes: Gemini with a key, otherwise the grammar.

The grammar also reads a wish where Gemini fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from resonance.errors import InvalidInput, Unavailable
from resonance.v1 import extract_pb2
from resonance.wishes import grammar
from resonance.wishes.refinement import Refinement
from resonance_extract.gemini import Gemini
from resonance_extract.refining.phrase_refiner import PhraseRefiner

_log = structlog.get_logger("extract")
Positions = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A refinement, and the concepts that it names."""

    refinement: Refinement
    concepts: Mapping[str, extract_pb2.Concept]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Words, and positions of sliders and concepts now and before the last change (None: nothing can be undone)."""

    text: str
    sliders: Positions
    previous: Positions | None = None
    concepts: Positions = field(default_factory=dict)
    previous_concepts: Positions = field(default_factory=dict)
    prompt: str = ""


class WishReader:
    """Reads words as changes of sliders and moves of phrases. Without `gemini` nothing leaves this process."""

    def __init__(self, gemini: Gemini | None) -> None:
        self._gemini = gemini

    @property
    def model(self) -> str:
        """The model to which wishes are sent; empty where they stay here."""
        return self._gemini.model if self._gemini is not None else ""

    async def read(self, wish: Wish) -> grammar.OpenWish:
        """The wish. Raises InvalidInput with NOT_UNDERSTOOD, NOTHING_TO_UNDO, PHRASE_TOO_LONG or TOO_MANY_PHRASES."""
        if self._gemini is None or grammar.is_about_the_past(wish.text):
            return _read_by_grammar(wish)
        from resonance_extract.refining.gemini_refiner import refine_by_gemini

        try:
            found = await refine_by_gemini(self._gemini, wish.text, wish.sliders)
            if found is None:
                return _read_by_grammar(wish)
            return grammar.OpenWish(refinement=replace(found, concepts=dict(wish.concepts)))
        except Unavailable as failure:
            _log.warning("the language model failed; the grammar reads the words", message=failure.message)
        read = _read_after_failure(wish)
        note = f"{self._gemini.model} could not be asked just now, so the built-in grammar read your words."
        return replace(read, refinement=replace(read.refinement, notes=(*read.refinement.notes, note)))


class Refiner:
    """Turns words into changes of sliders and concepts. Phrases are read where no slider is meant."""

    def __init__(self, reader: WishReader, phrases: PhraseRefiner) -> None:
        self._reader = reader
        self._phrases = phrases

    @property
    def reader(self) -> str:
        """The model at Google that reads wishes; empty where they stay here."""
        return self._reader.model

    async def refine(self, wish: Wish) -> Refined:
        """The sliders and concepts after the wish. Raises what `WishReader.read` and `PhraseRefiner.apply` raise."""
        refinement, concepts = await self._phrases.apply(await self._reader.read(wish), wish.prompt)
        return Refined(refinement=refinement, concepts=concepts)


def _read_by_grammar(wish: Wish) -> grammar.OpenWish:
    return grammar.read_open(
        wish.text,
        wish.sliders,
        wish.previous,
        concepts=wish.concepts,
        previous_concepts=wish.previous_concepts,
    )


def _read_after_failure(wish: Wish) -> grammar.OpenWish:
    try:
        return _read_by_grammar(wish)
    except InvalidInput as refusal:
        message = (
            f"{refusal.message} (the language model could not be asked, and the built-in grammar knows fewer words)"
        )
        raise InvalidInput(message, reason=refusal.reason, violations=refusal.violations) from refusal
