"""Phrases of a wish as concepts: their positions after it, and the phrases that the model does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from resonance.errors import InvalidInput, invalid_field
from resonance.v1 import extract_pb2
from resonance.wishes.grammar import OpenWish, move_position
from resonance.wishes.moves import Move
from resonance.wishes.phrases import phrase_of
from resonance.wishes.refinement import Refinement, concept_changes_between
from resonance_extract.concepts.phrases import UNKNOWN, PhraseConcepts

CONCEPTS_MAX = 16  # of a recipe, see the protos


@dataclass(slots=True, kw_only=True)
class _Moved:
    """Concepts, positions and words while the moves of a wish are applied."""

    after: dict[str, float]
    concepts: dict[str, extract_pb2.Concept]
    words: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refusals: list[InvalidInput] = field(default_factory=list)


class PhraseRefiner:
    """Applies the phrase moves of a wish. `on_uncalibrated` gets the name of each of their concepts without a calibration."""

    def __init__(self, phrases: PhraseConcepts, *, on_uncalibrated: Callable[[str], None]) -> None:
        self._phrases = phrases
        self._on_uncalibrated = on_uncalibrated

    async def apply(self, wish: OpenWish, prompt: str) -> tuple[Refinement, Mapping[str, extract_pb2.Concept]]:
        """The refinement with the positions of concepts after the wish, and these concepts by name.

        Raises:
            InvalidInput: the model knows none of the phrases, and nothing else in the wish did anything (PHRASE_UNKNOWN).
            Overloaded: too many callers wait for phrases.
        """
        found = wish.refinement
        known = await self._phrases.held(list(found.concepts))
        now = {name: position for name, position in found.concepts.items() if name in known}
        gone = [f"The concept {name} is not here any more." for name in found.concepts if name not in known]
        moved = _Moved(after=dict(now), concepts=dict(known), notes=gone)
        for move in wish.phrase_moves:
            await self._apply_move(move, prompt, moved)
        if moved.refusals and not (found.changes or found.notes or moved.words):
            raise moved.refusals[0]
        whole = replace(
            found,
            concepts=moved.after,
            concept_changes=found.concept_changes or tuple(concept_changes_between(now, moved.after, moved.words)),
            labels={name: label_of(concept) for name, concept in moved.concepts.items()},
            notes=(*found.notes, *moved.notes),
            unknown_words=tuple(dict.fromkeys(moved.unknown)),
        )
        return whole, moved.concepts

    async def _apply_move(self, move: Move, prompt: str, moved: _Moved) -> None:
        phrase = phrase_of(move.slider)
        try:
            found = await self._phrases.find(phrase, prompt, held=list(moved.after))
        except InvalidInput as refusal:
            if refusal.reason != UNKNOWN:
                raise
            moved.refusals.append(refusal)
            moved.unknown += self._phrases.known_words(phrase).unknown
            moved.notes.append(f"Nothing was done about “{phrase}”: {refusal.violations[0].message}.")
            return
        concept, name = found.concept, found.concept.name
        if name not in moved.after and len(moved.after) >= CONCEPTS_MAX:
            message = f"a recipe has at most {CONCEPTS_MAX} concepts; remove one before another is added"
            raise invalid_field("concepts", "TOO_MANY_CONCEPTS", message)
        before = moved.after.get(name, 0.0)
        moved.after[name], moved.concepts[name] = move_position(move, before), concept
        moved.words[name] = f"{moved.words[name]}; {move.words}" if name in moved.words else move.words
        if moved.after[name] == before:
            moved.notes.append(f"The {label_of(concept)} slider stays at {before:g}.")
        if found.unknown:
            moved.unknown += found.unknown
            words = ", ".join(f"“{word}”" for word in found.unknown)
            moved.notes.append(f"The model does not know {words}; it goes by “{label_of(concept)}”.")
        if concept.notice:
            moved.notes.append(f"{concept.notice[0].upper()}{concept.notice[1:]}.")
        if not concept.HasField("calibration"):
            self._on_uncalibrated(name)


def label_of(concept: extract_pb2.Concept) -> str:
    """What a person calls the concept: its phrase, or its name."""
    return concept.phrase or concept.name.replace("_", " ").replace("-", " ")
