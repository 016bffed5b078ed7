"""Refiner of wishes: Gemini with a key, otherwise the grammar.

The grammar also reads a wish where Gemini fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from resonance.errors import InvalidInput, Unavailable
from resonance.wishes import grammar
from resonance.wishes.refinement import Refinement
from resonance_extract.gemini import Gemini

_log = structlog.get_logger("extract")
Positions = Mapping[str, float]


class Refiner:
    """Turns words into slider changes. Without `gemini` nothing leaves this process."""

    def __init__(self, gemini: Gemini | None) -> None:
        self._gemini = gemini

    async def refine(self, text: str, sliders: Positions, previous: Positions | None) -> Refinement:
        """The sliders after the wish. Raises InvalidInput with NOT_UNDERSTOOD or NOTHING_TO_UNDO."""
        if self._gemini is None or grammar.is_about_the_past(text):
            return grammar.refine(text, sliders, previous)
        from resonance_extract.refining.gemini_refiner import refine_by_gemini

        try:
            return await refine_by_gemini(self._gemini, text, sliders)
        except Unavailable as failure:
            _log.warning("the language model failed; the grammar reads the words", message=failure.message)
        found = _refine_by_grammar(text, sliders, previous)
        note = f"{self._gemini.model} could not be asked just now, or moved nothing, so the built-in grammar read your words."
        return replace(found, notes=(*found.notes, note))


def _refine_by_grammar(text: str, sliders: Positions, previous: Positions | None) -> Refinement:
    try:
        return grammar.refine(text, sliders, previous)
    except InvalidInput as refusal:
        message = (
            f"{refusal.message} (the language model could not be asked, and the built-in grammar knows fewer words)"
        )
        raise InvalidInput(message, reason=refusal.reason, violations=refusal.violations) from refusal
