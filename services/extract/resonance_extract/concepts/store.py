"""Concepts: DiffMean directions from pairs, with layer scores.

The pairs are of prompts or of music.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import asdict
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
from resonance_extract.activations.reference_takes import Report
from resonance_extract.activations.stored_music import StoredMusic, StoredPiece
from resonance_extract.activations.word_states import to_state, word_reading
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.contrasts import Contrast, mean_difference, natural_sizes, same_music
from resonance_extract.directions.layer_scores import AUC_MIN, ScoredLayer, layer_gains, layer_scores
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.separation import PARTS_MIN, Separation, held_out_separation
from resonance_extract.directions.statistics import PieceStatistics, ReferenceStatistics
from resonance_model.steering.recorder import ActivationStats

Array = NDArray[np.float32]
_Take = tuple[torch.Tensor, ActivationStats]  # codes, and the layers' statistics while they were made
_Sides = tuple[Array, Array]  # with more and with less of the concept, `[layers, hidden]` each
_Response = extract_pb2.ComputeConceptResponse
TAKE_S = 4.0
_SEEDS = (11, 1011)
_log = structlog.get_logger("extract")


class ConceptStore:
    """The concepts of one model in the object store."""

    def __init__(
        self, worker: ActivationWorker, store: ObjectStore, references: ReferenceStore, *, take_s: float = TAKE_S
    ) -> None:
        """`take_s` is the length of the takes on which the words of a pair are read."""
        self._worker = worker
        self._take_s = take_s
        self._store = store
        self._references = references
        self._music = StoredMusic(worker, store)
        self._digest = worker.model.description.digest
        self._word_reading = word_reading(worker)

    async def get(self, name: str) -> extract_pb2.Concept:
        """A stored concept. Raises NotFound."""
        try:
            stored = await self._store.get(concept_key(self._digest, name))
        except NotFound as failure:
            raise NotFound(f"this model has no concept {name}; compute it first", reason="NO_SUCH_CONCEPT") from failure
        return json_format.Parse(stored.data, extract_pb2.Concept())

    async def get_usable(self, name: str) -> extract_pb2.Concept:
        """A stored concept that may be used. Raises NotFound, and FailedPrecondition (CONCEPT_UNUSABLE)."""
        concept = await self.get(name)
        if not concept.ready or concept.unusable_reason:
            reason = concept.unusable_reason or "it is not ready yet"
            raise FailedPrecondition(f"{concept.name} cannot be used: {reason}", reason="CONCEPT_UNUSABLE")
        return concept

    async def all(self) -> list[extract_pb2.Concept]:
        """All concepts: the sliders in their own order (`ready` false while they are being computed), then the others by name."""
        prefix = concept_key(self._digest, "x").removesuffix("x.json")
        stored = {}
        async for key in self._store.keys(prefix):
            with suppress(NotFound, DataLoss):  # deleted meanwhile; or damaged, and set aside
                concept = await self.get(key.removeprefix(prefix).removesuffix(".json"))
                if not (
                    concept.phrase and concept.unusable_reason
                ):  # a phrase that was refused is kept as an answer, not as a concept
                    stored[concept.name] = concept
        built_in = [stored.pop(name, extract_pb2.Concept(name=name, built_in=True)) for name in SLIDER_NAMES]
        return [*built_in, *(stored[name] for name in sorted(stored))]

    async def save(self, concept: extract_pb2.Concept) -> None:
        """Writes the concept."""
        document = json_format.MessageToJson(concept, indent=None).encode()
        await self._store.put(concept_key(self._digest, concept.name), document)

    async def delete(self, name: str) -> None:
        """Removes a concept's description. Its vector stays under the digest of all that it depends on."""
        await self._store.delete(concept_key(self._digest, name))

    async def compute(self, request: extract_pb2.ComputeConceptRequest) -> AsyncGenerator[_Response, None]:
        """Computes and stores a concept of the client's; yields progress and the concept.

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
                if not await self.is_current(name):
                    await self.prepare_slider(name)
            except ResonanceError as failure:
                _log.error(
                    "a slider could not be prepared", slider=name, reason=failure.reason, message=failure.message
                )

    async def prepare_slider(self, name: str, report: Report = lambda _done, _total: None) -> None:
        """Computes a slider's concept. Raises what `compute` raises."""
        async for response in self._compute(_slider_request(name), built_in=True):
            if response.HasField("progress"):
                report(response.progress.done, response.progress.total)
        _log.info("slider ready", slider=name)

    async def is_current(self, name: str) -> bool:
        """True where a slider's concept need not be computed.

        A shipped concept may be made of music that this store does not have; its words are not compared.
        """
        try:
            concept = await self.get(name)
        except (NotFound, DataLoss):
            return False
        is_ours = bool(concept.music_pairs) or (
            list(concept.pairs) == list(_slider_request(name).pairs) and concept.made_by == self._word_reading
        )
        return is_ours and await self._store.exists(concept.vector_key)

    async def _compute(
        self, request: extract_pb2.ComputeConceptRequest, *, built_in: bool = False
    ) -> AsyncGenerator[_Response, None]:
        reference = await self._references.get()
        music = [await self._find_pieces(pair) for pair in request.music_pairs]
        key = vector_key(
            canonical_digest(
                _list_inputs(request, music, reference, self._made_by(request), self._digest, self._take_s)
            )
        )
        before = await self._find_same(request.name, key)
        if before is not None and await self._store.exists(key):
            yield _Response(concept=before)
            return
        total = 2 * len(_SEEDS) * bool(request.pairs) + sum(len(side) for sides in music for side in sides)
        done = 0
        readings: list[list[_Sides]] = [[] for _ in request.pairs]
        for seed in _SEEDS if request.pairs else ():
            takes = []
            for prompts in ([pair.positive for pair in request.pairs], [pair.negative for pair in request.pairs]):
                takes.append(await self._worker.generate(prompts, duration_s=self._take_s, seed=seed))
                done += 1
                yield _progress(done, total)
            for place, pair in enumerate(request.pairs):
                readings[place] += await self._read_words(pair, takes[0][place], takes[1][place])
        contrasts = [_build_word_contrast(sides) for sides in readings]
        for more, less in music:
            sides = []
            for side in (more, less):
                sides.append([await self._music.read(piece) for piece in side])
                done += len(side)
                yield _progress(done, total)
            contrasts.append(Contrast(more=_stack_means(sides[0]), less=_stack_means(sides[1])))
        concept = await self.build(request, contrasts, reference, key, built_in=built_in)
        if before is not None and before.HasField("calibration"):
            concept.calibration.CopyFrom(before.calibration)
        await self.save(concept)
        yield _Response(concept=concept)

    async def build(
        self,
        request: extract_pb2.ComputeConceptRequest,
        contrasts: Sequence[Contrast],
        reference: ReferenceStatistics,
        key: str,
        *,
        built_in: bool = False,
    ) -> extract_pb2.Concept:
        """The concept of the contrasts; its vector is stored under `key`, its description is not stored."""
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
            layers=[extract_pb2.LayerScore(**asdict(score)) for score in scores],
            layer_gains=gains,
            natural_strength=max(float(size) for layer, size in enumerate(sizes) if gains.get(layer, 1.0)),
            made_by=self._made_by(request),
            unusable_reason=_find_unusable_reason(scores, separation),
            separation=extract_pb2.Separation(
                part_count=separation.part_count, auc=separation.auc, chance=separation.chance
            ),
            notice="" if separation.has_enough_parts else _too_few(separation),
            vector_key=key,
            vector_sha256=await self._store.put(key, direction.to_bytes()),
        )
        concept.create_time.GetCurrentTime()
        return concept

    async def _find_same(self, name: str, key: str) -> extract_pb2.Concept | None:
        """The stored concept of this name, if it was made from the same request."""
        with suppress(NotFound, DataLoss):
            concept = await self.get(name)
            return concept if concept.vector_key == key else None
        return None

    def _made_by(self, request: extract_pb2.ComputeConceptRequest) -> str:
        return "+".join([self._word_reading] * bool(request.pairs) + ["music"] * bool(request.music_pairs))

    async def _read_words(self, pair: extract_pb2.PromptPair, more: _Take, less: _Take) -> list[_Sides]:
        """States of the same music under both prompts of a pair: short takes of both, made with equal seeds, are read under each."""
        return [
            (
                to_state(await self._worker.read_codes(codes, prompt=pair.positive), self._worker),
                to_state(await self._worker.read_codes(codes, prompt=pair.negative), self._worker),
            )
            for codes, _ in (more, less)
        ]

    async def _find_pieces(self, pair: extract_pb2.MusicPair) -> tuple[list[StoredPiece], list[StoredPiece]]:
        """The pieces of both sides. Raises InvalidInput where a side is empty or the sides share a piece."""
        more, less = await self._music.pieces(pair.positive), await self._music.pieces(pair.negative)
        if {piece.key for piece in more} & {piece.key for piece in less}:
            raise InvalidInput("the same music is on both sides of a pair", reason="NO_DIFFERENCE")
        return more, less


def _slider_request(name: str) -> extract_pb2.ComputeConceptRequest:
    pairs = [extract_pb2.PromptPair(positive=more, negative=less) for more, less in SLIDER_PAIRS[name]]
    return extract_pb2.ComputeConceptRequest(name=name, pairs=pairs)


def _find_unusable_reason(scores: Sequence[ScoredLayer], separation: Separation) -> str:
    """The reason why the concept cannot be used, empty where it can. Too few pairs are refused only where they contradict each other."""
    best = max(score.auc for score in scores)
    if not separation.has_enough_parts:
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


def _build_word_contrast(readings: Sequence[_Sides]) -> Contrast:
    more, less = (np.stack(side) for side in zip(*readings, strict=True))
    return same_music(more, less)


def _stack_means(side: Sequence[PieceStatistics]) -> Array:
    return np.stack([piece.mean for piece in side])


def _list_inputs(
    request: extract_pb2.ComputeConceptRequest,
    music: Sequence[tuple[list[StoredPiece], list[StoredPiece]]],
    reference: ReferenceStatistics,
    made_by: str,
    model_digest: str,
    take_s: float,
) -> list[Any]:
    """All values that a concept's vector depends on."""
    words = [[pair.positive, pair.negative] for pair in request.pairs]
    sounds = [[[piece.key for piece in side] for side in sides] for sides in music]
    return ["concept", model_digest, words, sounds, made_by, reference.tag, _SEEDS, take_s]
