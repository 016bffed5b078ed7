"""Concepts: DiffMean directions from pairs of prompts and pairs of music, with what each layer knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import structlog
import torch
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import (
    Conflict,
    DataLoss,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    ResonanceError,
    invalid_field,
)
from resonance.ids import canonical_digest
from resonance.steering.sliders import SLIDER_NAMES, SLIDER_PAIRS
from resonance.store import ObjectStore
from resonance.store.keys import concept_key, vector_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.statistics import HeardPiece, Reference
from resonance_extract.activations.stored_music import StoredMusic, StoredPiece
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.contrasts import Contrast, mean_difference, natural_sizes, same_music
from resonance_extract.directions.layer_scores import AUC_MIN, layer_gains, layer_scores
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.separation import PARTS_MIN, Separation, held_out_separation
from resonance_model.steering.recorder import ActivationStats

Array = NDArray[np.float32]
_Take = tuple[torch.Tensor, ActivationStats]  # codes and what the layers said while they were made
_Sides = tuple[Array, Array]  # with more and with less of the concept, `[layers, hidden]` each
_Response = extract_pb2.ComputeConceptResponse
_DURATION_S = 4.0
_SEEDS = (11, 1011)
_log = structlog.get_logger("extract")


class ConceptStore:
    """The concepts of one model in the object store."""

    def __init__(self, ear: ActivationWorker, store: ObjectStore, shelf: ReferenceStore) -> None:
        self._ear = ear
        self._store = store
        self._reference = shelf
        self._music = StoredMusic(ear, store)
        self._digest = ear.model.description.digest
        # How words are heard: see `_words`. Models that follow a tune read their text before the music and do not attend to it.
        self._words_heard = "same_music" if ear.model.melody_chroma else "cross_attention"

    async def get(self, name: str) -> extract_pb2.Concept:
        """A stored concept. Raises NotFound."""
        try:
            stored = await self._store.get(concept_key(self._digest, name))
        except NotFound as failure:
            raise NotFound(f"this model has no concept {name}; compute it first", reason="NO_SUCH_CONCEPT") from failure
        return json_format.Parse(stored.data, extract_pb2.Concept())

    async def all(self) -> list[extract_pb2.Concept]:
        """All concepts: the sliders in their own order (`ready` false while they are being computed), then the others by name."""
        prefix = concept_key(self._digest, "x").removesuffix("x.json")
        stored = {}
        async for key in self._store.keys(prefix):
            with suppress(NotFound, DataLoss):  # deleted meanwhile; or damaged, and set aside
                concept = await self.get(key.removeprefix(prefix).removesuffix(".json"))
                stored[concept.name] = concept
        built_in = [stored.pop(name, extract_pb2.Concept(name=name, built_in=True)) for name in SLIDER_NAMES]
        return [*built_in, *(stored[name] for name in sorted(stored))]

    async def save(self, concept: extract_pb2.Concept) -> None:
        """Writes the concept's description."""
        document = json_format.MessageToJson(concept, indent=None).encode()
        await self._store.put(concept_key(self._digest, concept.name), document)

    async def compute(self, request: extract_pb2.ComputeConceptRequest) -> AsyncGenerator[_Response, None]:
        """Computes and stores a concept of the caller's; yields progress and the concept.

        Raises:
            Conflict: the name is a slider's.
            InvalidInput: there is no pair, a pair's music is not named as it should be, or the two sides do not differ.
            NotFound: there is no such taste or take.
            FailedPrecondition: music of another model, or whose statistics are gone.
        """
        if not request.pairs and not request.music_pairs:
            raise invalid_field(
                "pairs", "REQUIRED", "give pairs of prompts in `pairs`, or pairs of music in `music_pairs`"
            )
        if request.name in SLIDER_NAMES:
            raise Conflict(f"{request.name} is one of the sliders; choose another name", reason="BUILT_IN_CONCEPT")
        async for response in self._compute(request):
            yield response

    async def prepare_sliders(self) -> None:
        """Computes the sliders' concepts that this model does not have yet. Runs in the background; never raises."""
        for name in SLIDER_NAMES:
            try:
                if not await self._is_current(name):
                    async for _ in self._compute(_slider_request(name), built_in=True):
                        pass
                    _log.info("slider ready", slider=name)
            except ResonanceError as failure:
                _log.error(
                    "a slider could not be prepared", slider=name, reason=failure.reason, message=failure.message
                )

    async def _is_current(self, name: str) -> bool:
        """Whether a slider's concept need not be computed.

        One that the model brings along may be made of music that is not here: then its words are not asked.
        """
        try:
            concept = await self.get(name)
        except (NotFound, DataLoss):
            return False
        is_ours = bool(concept.music_pairs) or (
            list(concept.pairs) == list(_slider_request(name).pairs) and concept.made_by == self._words_heard
        )
        return is_ours and await self._store.exists(concept.vector_key)

    async def _compute(
        self, request: extract_pb2.ComputeConceptRequest, *, built_in: bool = False
    ) -> AsyncGenerator[_Response, None]:
        reference = await self._reference.get()
        music = [await self._pieces(pair) for pair in request.music_pairs]
        key = vector_key(canonical_digest(_parts(request, music, reference, self._made_by(request), self._digest)))
        before = await self._before(request.name, key)
        if before is not None and await self._store.exists(key):
            yield _Response(concept=before)
            return
        total = 2 * len(_SEEDS) * bool(request.pairs) + sum(len(side) for sides in music for side in sides)
        done = 0
        heard: list[list[_Sides]] = [[] for _ in request.pairs]
        for seed in _SEEDS if request.pairs else ():
            takes = []
            for prompts in ([pair.positive for pair in request.pairs], [pair.negative for pair in request.pairs]):
                takes.append(await self._ear.render(prompts, duration_s=_DURATION_S, seed=seed))
                done += 1
                yield _progress(done, total)
            for place, pair in enumerate(request.pairs):
                heard[place] += await self._words(pair, takes[0][place], takes[1][place])
        contrasts = [_contrast_of_words(sides) for sides in heard]
        for more, less in music:
            sides = []
            for side in (more, less):
                sides.append([await self._music.hear(piece) for piece in side])
                done += len(side)
                yield _progress(done, total)
            contrasts.append(Contrast(more=_means(sides[0]), less=_means(sides[1])))
        concept = await self._stored(request, contrasts, reference, key, built_in=built_in)
        if before is not None and before.HasField("calibration"):
            concept.calibration.CopyFrom(before.calibration)
        await self.save(concept)
        yield _Response(concept=concept)

    async def _stored(
        self,
        request: extract_pb2.ComputeConceptRequest,
        contrasts: Sequence[Contrast],
        reference: Reference,
        key: str,
        *,
        built_in: bool,
    ) -> extract_pb2.Concept:
        """The concept, whose vector is stored."""
        difference = mean_difference(contrasts)
        direction = await asyncio.to_thread(build_direction, difference, reference, model_digest=self._digest)
        scores = layer_scores(contrasts, reference)
        sizes = natural_sizes(difference, direction.per_layer)
        gains = layer_gains(sizes, scores)
        separation = await asyncio.to_thread(held_out_separation, contrasts)
        concept = extract_pb2.Concept(
            name=request.name,
            model_digest=self._digest,
            pairs=request.pairs,
            music_pairs=request.music_pairs,
            built_in=built_in,
            ready=True,
            layers=scores,
            layer_gains=gains,
            natural_strength=max(float(size) for layer, size in enumerate(sizes) if gains.get(layer, 1.0)),
            made_by=self._made_by(request),
            unusable_reason=_unusable(scores, separation),
            separation=extract_pb2.Separation(
                part_count=separation.part_count, auc=separation.auc, chance=separation.chance
            ),
            notice="" if separation.is_told else _too_few(separation),
            vector_key=key,
            vector_sha256=await self._store.put(key, direction.to_bytes()),
        )
        concept.create_time.GetCurrentTime()
        return concept

    async def _before(self, name: str, key: str) -> extract_pb2.Concept | None:
        """The concept of this name, where its vector is that of the same request."""
        with suppress(NotFound, DataLoss):
            concept = await self.get(name)
            return concept if concept.vector_key == key else None
        return None

    def _made_by(self, request: extract_pb2.ComputeConceptRequest) -> str:
        return "+".join([self._words_heard] * bool(request.pairs) + ["music"] * bool(request.music_pairs))

    async def _words(self, pair: extract_pb2.PromptPair, more: _Take, less: _Take) -> list[_Sides]:
        """What the words of a pair do to the same music: short takes of both prompts, made with equal seeds, are each heard under both.

        By `cross_attention` it is what each layer's attention to the text adds: the words' own part, whatever layers before it made of
        them. By `same_music` it is all that differs in the layers' states.
        """
        return [
            (
                self._said(await self._ear.codes(codes, prompt=pair.positive)),
                self._said(await self._ear.codes(codes, prompt=pair.negative)),
            )
            for codes, _ in (more, less)
        ]

    def _said(self, heard: ActivationStats) -> Array:
        by_words = heard.words if self._words_heard == "cross_attention" else heard.mean
        assert by_words is not None
        found: Array = by_words.numpy().astype(np.float32)
        return found

    async def _pieces(self, pair: extract_pb2.MusicPair) -> tuple[list[StoredPiece], list[StoredPiece]]:
        """The pieces of both sides. Raises InvalidInput where a side is empty or the sides share a piece."""
        more, less = await self._music.pieces(pair.positive), await self._music.pieces(pair.negative)
        if {piece.key for piece in more} & {piece.key for piece in less}:
            raise InvalidInput("the same music is on both sides of a pair", reason="NO_DIFFERENCE")
        return more, less


def usable(concept: extract_pb2.Concept) -> extract_pb2.Concept:
    """The concept, if it may be used. Raises FailedPrecondition."""
    if not concept.ready or concept.unusable_reason:
        reason = concept.unusable_reason or "it is not ready yet"
        raise FailedPrecondition(f"{concept.name} cannot be used: {reason}", reason="CONCEPT_UNUSABLE")
    return concept


def _slider_request(name: str) -> extract_pb2.ComputeConceptRequest:
    pairs = [extract_pb2.PromptPair(positive=more, negative=less) for more, less in SLIDER_PAIRS[name]]
    return extract_pb2.ComputeConceptRequest(name=name, pairs=pairs)


def _unusable(scores: Sequence[extract_pb2.LayerScore], separation: Separation) -> str:
    """Why the concept cannot be used, empty where it can. Too few pairs to tell are refused only where they contradict each other."""
    best = max(score.auc for score in scores)
    if not separation.is_told:
        if best >= AUC_MIN or separation.part_count < 2:
            return ""
        return f"its two sides do not separate: the best layer's held-out AUC is {best:.2f}, and at least {AUC_MIN} is needed"
    if separation.auc < AUC_MIN:
        return (
            f"its two sides do not separate: held out one by one, its {separation.part_count} pairs have an AUC of "
            f"{separation.auc:.2f}, and at least {AUC_MIN} is needed"
        )
    if not separation.is_more_than_chance:
        return (
            "its two sides do not separate: exchanging them in some of its pairs does as well in "
            f"{separation.chance:.0%} of all ways to do so; give more pairs, or pairs that differ in the same thing"
        )
    return ""


def _too_few(separation: Separation) -> str:
    return f"too few pairs to tell whether they separate: {separation.part_count}, and at least {PARTS_MIN} are needed"


def _progress(done: int, total: int) -> _Response:
    return _Response(progress=extract_pb2.Progress(done=done, total=total))


def _contrast_of_words(heard: Sequence[_Sides]) -> Contrast:
    more, less = (np.stack(side) for side in zip(*heard, strict=True))
    return same_music(more, less)


def _means(side: Sequence[HeardPiece]) -> Array:
    return np.stack([piece.mean for piece in side])


def _parts(
    request: extract_pb2.ComputeConceptRequest,
    music: Sequence[tuple[list[StoredPiece], list[StoredPiece]]],
    reference: Reference,
    made_by: str,
    model_digest: str,
) -> list[Any]:
    """Everything that a concept's vector depends on."""
    words = [[pair.positive, pair.negative] for pair in request.pairs]
    sounds = [[[piece.key for piece in side] for side in sides] for sides in music]
    return ["concept", model_digest, words, sounds, made_by, reference.tag, _SEEDS, _DURATION_S]
