"""Concepts of phrases: made on the fly, named by phrase and prompt, checked for what the model knows."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, NotFound, Overloaded, invalid_field
from resonance.ids import canonical_digest
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import ObjectStore
from resonance.store.keys import vector_key
from resonance.v1 import extract_pb2
from resonance.wishes.phrases import base_forms, content_words
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.word_states import word_reading
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.concepts.phrase_list import PHRASES_KEPT_MAX, PhraseList
from resonance_extract.concepts.phrase_reading import NEUTRAL_PROMPTS, TAKE_S, PhraseReader, with_phrase
from resonance_extract.concepts.store import ConceptStore

UNKNOWN = "PHRASE_UNKNOWN"
# The least shift of the layers by a phrase, as a multiple of the shift by as many meaningless words. docs/steering.md has the figures.
REACTION_MIN = 1.4
# Below this the concept works, and its caller is told that it moves little.
REACTION_CLEAR = 3.0
# Callers that may wait for phrases at once: each waits for the computations before its own.
WAITING_MAX = 8
_SPELT_ALIKE = 0.75
_log = structlog.get_logger("extract")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWords:
    """A phrase in words that the model knows, and those that were left out."""

    phrase: str
    unknown: tuple[str, ...]
    spelt_alike: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPhrase:
    """The concept that a phrase means. `unknown` are words of the phrase that the model does not know."""

    concept: extract_pb2.Concept
    unknown: tuple[str, ...] = ()


class PhraseConcepts:
    """Finds the concept of a phrase, or computes it from pairs of prompts with and without the phrase."""

    def __init__(
        self,
        worker: ActivationWorker,
        store: ObjectStore,
        references: ReferenceStore,
        concepts: ConceptStore,
        *,
        take_s: float = TAKE_S,
        kept_max: int = PHRASES_KEPT_MAX,
    ) -> None:
        self._references = references
        self._concepts = concepts
        self._take_s = take_s
        self._vocabulary = worker.model.vocabulary
        self._neutral = [one for one in NEUTRAL_PROMPTS if all(map(self._vocabulary.knows, one.split()))]
        self._reader = PhraseReader(worker, self._neutral, take_s=take_s)
        self._digest = worker.model.description.digest
        self._made_by = word_reading(worker)
        self._list = PhraseList(store, model_digest=self._digest, kept_max=kept_max)
        self._computing = asyncio.Lock()
        self._waiting = 0
        self._store = store

    async def find(self, phrase: str, prompt: str, *, held: Sequence[str] = ()) -> FoundPhrase:
        """The concept of a phrase: one of `held`, one of that name, or one that is computed now for this prompt.

        Raises:
            InvalidInput: the model does not know the phrase (PHRASE_UNKNOWN).
            Overloaded: too many callers wait for phrases.
        """
        known = self.known_words(phrase)
        if (found := await self._find_held(phrase, known, held)) is not None:
            return found
        if (named := await self._find_named(phrase)) is not None:
            return FoundPhrase(concept=named)
        if not known.phrase:
            raise _refuse_unknown(phrase, known)
        concept = await self._make(known.phrase, _normalise(prompt), held)
        if concept.unusable_reason:
            raise invalid_field("text", UNKNOWN, f"the model does not know “{known.phrase}”: {concept.unusable_reason}")
        return FoundPhrase(concept=concept, unknown=known.unknown)

    def known_words(self, phrase: str) -> KnownWords:
        """The phrase in the model's words: a comparative as its base form, without words that it does not know."""
        kept, unknown = [], []
        meaningful = set(content_words(phrase))
        for word in phrase.split():
            if (known := self._to_known(word)) is not None:
                kept.append(known)
            elif word in meaningful:
                unknown.append(word)
        if not any(word in kept or set(base_forms(word)) & set(kept) for word in meaningful):
            kept = []  # nothing is left but words such as "the"
        alike = [other for word in unknown for other in self._spelt_alike(word)]
        return KnownWords(phrase=" ".join(kept), unknown=tuple(unknown), spelt_alike=tuple(dict.fromkeys(alike)))

    async def held(self, names: Sequence[str]) -> Mapping[str, extract_pb2.Concept]:
        """The concepts of these names that exist and can be used. Those made of phrases count as used now."""
        found = {}
        for name in names:
            with suppress(NotFound, DataLoss, FailedPrecondition):
                found[name] = await self._concepts.get_usable(name)
        await self._keep([], [name for name, concept in found.items() if concept.phrase])
        return found

    def _to_known(self, word: str) -> str | None:
        if not self._vocabulary.is_closed:
            return next(iter(base_forms(word)), word) if word.endswith("ier") else word
        return next((form for form in (word, *base_forms(word)) if self._vocabulary.knows(form)), None)

    def _spelt_alike(self, word: str) -> list[str]:
        """Words of a closed vocabulary with nearly the same letters (Ratcliff and Obershelp's similarity of 0.75 and more)."""
        forms = (word, *base_forms(word))
        found = [difflib.get_close_matches(form, self._vocabulary.words(), n=2, cutoff=_SPELT_ALIKE) for form in forms]
        return [other for others in found for other in others if content_words(other)]

    async def _find_held(self, phrase: str, known: KnownWords, held: Sequence[str]) -> FoundPhrase | None:
        spoken = {phrase, known.phrase, *(_slugs(phrase))}
        for name, concept in (await self.held(held)).items():
            if (concept.phrase or name) in spoken:
                return FoundPhrase(concept=concept, unknown=known.unknown if concept.phrase else ())
        return None

    async def _find_named(self, phrase: str) -> extract_pb2.Concept | None:
        """The usable concept whose name is the phrase with underscores or dashes; None without one."""
        for name in _slugs(phrase):
            with suppress(NotFound, DataLoss, FailedPrecondition):
                if name not in SLIDER_NAMES:
                    return await self._concepts.get_usable(name)
        return None

    async def _make(self, phrase: str, prompt: str, held: Sequence[str]) -> extract_pb2.Concept:
        """The concept of the phrase for the prompt, from the store where it is there."""
        if self._waiting >= WAITING_MAX:
            message = "too many phrases are being read at the moment; try again in a moment"
            raise Overloaded(message, reason="TOO_MANY_PHRASES_WAITING", retry_after_s=5.0)
        self._waiting += 1
        try:
            async with self._computing:
                return await self._find_or_compute(phrase, prompt, held)
        finally:
            self._waiting -= 1

    async def _find_or_compute(self, phrase: str, prompt: str, held: Sequence[str]) -> extract_pb2.Concept:
        reference = await self._references.get()
        prompts = choose_prompts(phrase, [prompt, *self._neutral])
        inputs = ["phrase", self._digest, phrase, prompts, self._made_by, reference.tag, self._take_s]
        name, key = phrase_name(phrase, prompt), vector_key(canonical_digest(inputs))
        with suppress(NotFound, DataLoss):
            concept = await self._concepts.get(name)
            if concept.vector_key == key and await self._store.exists(key):
                await self._keep([name], held)
                return concept
        began_s = time.monotonic()
        reading = await self._reader.read(phrase, prompts)
        pairs = [extract_pb2.PromptPair(positive=with_phrase(phrase, one), negative=one) for one in prompts]
        request = extract_pb2.ComputeConceptRequest(name=name, pairs=pairs)
        try:
            concept = await self._concepts.build(request, reading.contrasts, reference, key)
        except InvalidInput as failure:
            raise invalid_field("text", UNKNOWN, f"the model does not know “{phrase}”: {failure.message}") from failure
        concept.phrase, concept.prompt, concept.reaction = phrase, prompt, reading.reaction
        if not concept.unusable_reason and reading.reaction < REACTION_MIN:
            concept.unusable_reason = (
                f"its words move the model {reading.reaction:.1f} times as far as meaningless words do, and at least "
                f"{REACTION_MIN:g} times is needed"
            )
        elif reading.reaction < REACTION_CLEAR:
            concept.notice = f"the model knows little about “{phrase}”: expect it to move little"
        await self._concepts.save(concept)
        await self._keep([name], held)
        _log.info("a phrase was read", concept=name, reaction=reading.reaction, took_s=time.monotonic() - began_s)
        return concept

    async def _keep(self, names: Sequence[str], held: Sequence[str]) -> None:
        """Notes that concepts are used, and removes those that fall out."""
        if not names and not held:
            return
        for name in await self._list.use(names, held=held):
            await self._concepts.delete(name)


def phrase_name(phrase: str, prompt: str) -> str:
    """The name of a phrase's concept: the same phrase and prompt have the same one."""
    return "phrase-" + canonical_digest(["phrase", phrase, _normalise(prompt)])[:16]


def choose_prompts(phrase: str, prompts: Sequence[str]) -> list[str]:
    """The prompts that a phrase is read with, each once. One that says the phrase already, and an empty one, is left out."""
    said = set(content_words(phrase)) or set(phrase.split())
    return [one for one in dict.fromkeys(prompts) if one and not said <= set(one.lower().split())]


def _normalise(prompt: str) -> str:
    return " ".join(prompt.lower().split())


def _slugs(phrase: str) -> tuple[str, ...]:
    """The names that a concept of this phrase may have been given."""
    words = phrase.lower().split()
    return tuple(dict.fromkeys(sign.join(words) for sign in ("_", "-", "")))


def _refuse_unknown(phrase: str, known: KnownWords) -> InvalidInput:
    words = " and ".join(f"“{word}”" for word in known.unknown) or f"“{phrase}”"
    message = (
        f"the model does not know {words}: its text encoder has no such {'words' if len(known.unknown) > 1 else 'word'}"
    )
    if known.spelt_alike:
        message += "; words that it knows and that are spelt alike: " + ", ".join(known.spelt_alike)
    return invalid_field("text", UNKNOWN, message)
