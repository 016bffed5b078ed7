"""Concepts: DiffMean directions from prompt pairs, with what each layer knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import numpy as np
import structlog
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import Conflict, DataLoss, FailedPrecondition, NotFound, ResonanceError
from resonance.ids import digest_of
from resonance.keys import concept_key, vector_key
from resonance.sliders import SLIDER_NAMES, SLIDER_PAIRS
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2
from resonance_extract.directions import direction_of
from resonance_extract.ear import Ear
from resonance_extract.layers import layer_scores
from resonance_extract.reference import ReferenceShelf

Array = NDArray[np.float32]
_Response = extract_pb2.ComputeConceptResponse
_DURATION_S = 4.0
_SEEDS = (11, 1011)
AUC_MIN = 0.6
_log = structlog.get_logger("extract")


class ConceptShelf:
    """The concepts of one model in the object store."""

    def __init__(self, ear: Ear, store: ObjectStore, shelf: ReferenceShelf) -> None:
        self._ear = ear
        self._store = store
        self._reference = shelf
        self._digest = ear.model.facts.digest

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
            InvalidInput: the two sides do not differ.
        """
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
        try:
            concept = await self.get(name)
        except (NotFound, DataLoss):
            return False
        return list(concept.pairs) == list(_slider_request(name).pairs) and await self._store.exists(concept.vector_key)

    async def _compute(
        self, request: extract_pb2.ComputeConceptRequest, *, built_in: bool = False
    ) -> AsyncGenerator[_Response, None]:
        reference = await self._reference.get()
        positive, negative = [pair.positive for pair in request.pairs], [pair.negative for pair in request.pairs]
        more: list[Array] = []
        less: list[Array] = []
        for step, seed in enumerate(_SEEDS):
            more += await self._states(positive, seed)
            yield _progress(2 * step + 1)
            less += await self._states(negative, seed)
            yield _progress(2 * step + 2)
        difference = np.mean(more, axis=0) - np.mean(less, axis=0)
        direction = await asyncio.to_thread(direction_of, difference, reference, model_digest=self._digest)
        key = vector_key(
            digest_of(["concept", self._digest, list(zip(positive, negative, strict=True)), _SEEDS, _DURATION_S])
        )
        scores = layer_scores(np.stack(more), np.stack(less), reference, pair_count=len(positive))
        concept = extract_pb2.Concept(
            name=request.name,
            model_digest=self._digest,
            pairs=request.pairs,
            built_in=built_in,
            ready=True,
            layers=scores,
            unusable_reason=_unusable(scores),
            vector_key=key,
            vector_sha256=await self._store.put(key, direction.to_bytes()),
        )
        concept.create_time.GetCurrentTime()
        await self.save(concept)
        yield _Response(concept=concept)

    async def _states(self, prompts: Sequence[str], seed: int) -> list[Array]:
        """Per prompt the layers' mean states `[layers, hidden]` while a short take of it is made; equal seeds on both sides."""
        rendered = await self._ear.render(list(prompts), duration_s=_DURATION_S, seed=seed)
        return [heard.mean.numpy().astype(np.float32) for _, heard in rendered]


def usable(concept: extract_pb2.Concept) -> extract_pb2.Concept:
    """The concept, if it may be used. Raises FailedPrecondition."""
    if not concept.ready or concept.unusable_reason:
        reason = concept.unusable_reason or "it is not ready yet"
        raise FailedPrecondition(f"{concept.name} cannot be used: {reason}", reason="CONCEPT_UNUSABLE")
    return concept


def _slider_request(name: str) -> extract_pb2.ComputeConceptRequest:
    pairs = [extract_pb2.PromptPair(positive=more, negative=less) for more, less in SLIDER_PAIRS[name]]
    return extract_pb2.ComputeConceptRequest(name=name, pairs=pairs)


def _unusable(scores: Sequence[extract_pb2.LayerScore]) -> str:
    best = max(score.auc for score in scores)
    if best >= AUC_MIN:
        return ""
    return (
        f"its two sides do not separate: the best layer's held-out AUC is {best:.2f}, and at least {AUC_MIN} is needed"
    )


def _progress(done: int) -> _Response:
    return _Response(progress=extract_pb2.Progress(done=done, total=2 * len(_SEEDS)))
