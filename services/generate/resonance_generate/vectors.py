"""Directions from the object store, checked, with the last few kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from google.protobuf import json_format

from resonance.errors import DataLoss, FailedPrecondition, NotFound
from resonance.keys import concept_key, taste_key
from resonance.store import ObjectStore
from resonance.taste import Direction
from resonance.v1 import extract_pb2, steering_pb2

# Before calibration a strength beyond this is not trusted: about where random directions begin to be heard as noise.
UNCALIBRATED_STRENGTH_MAX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableConcept:
    """A concept's direction and its safe range; the range is a cautious default where nobody has calibrated."""

    direction: Direction
    strength_min: float
    strength_max: float


class Vectors:
    """Looks directions up by taste id or concept name; keeps the `item_max` least recently used vectors."""

    def __init__(self, store: ObjectStore, *, model_digest: str, item_max: int) -> None:
        self._store = store
        self._model_digest = model_digest
        self._item_max = item_max
        self._cache: OrderedDict[str, Direction] = OrderedDict()

    async def taste(self, taste_id: str) -> Direction:
        """The direction of a completed taste.

        Raises:
            NotFound: there is no such taste, or it is not complete yet.
            FailedPrecondition: it was made for another model.
        """
        try:
            stored = await self._store.get(taste_key(taste_id))
        except NotFound as failure:
            raise NotFound(
                f"there is no finished taste {taste_id}; make one from a playlist, or wait until it is complete",
                reason="NO_SUCH_TASTE",
            ) from failure
        summary = json_format.Parse(stored.data, steering_pb2.TasteSummary())
        if summary.model_digest != self._model_digest:
            raise FailedPrecondition(
                f"taste {taste_id} was made for model {summary.model_digest[:8]}; this service runs {self._model_digest[:8]}: "
                "make the taste again",
                reason="MODEL_MISMATCH",
            )
        return await self._direction(summary.vector_key, summary.vector_sha256)

    async def concept(self, name: str) -> UsableConcept:
        """A ready concept with its safe range.

        Raises:
            NotFound: this model has no such concept.
            FailedPrecondition: it is not ready, or not usable.
        """
        try:
            stored = await self._store.get(concept_key(self._model_digest, name))
        except NotFound as failure:
            raise NotFound(f"this model has no concept {name}; compute it first", reason="NO_SUCH_CONCEPT") from failure
        concept = json_format.Parse(stored.data, extract_pb2.Concept())
        if concept.unusable_reason:
            raise FailedPrecondition(f"{name} cannot be used: {concept.unusable_reason}", reason="CONCEPT_UNUSABLE")
        direction = await self._direction(concept.vector_key, concept.vector_sha256)
        if concept.HasField("calibration"):
            low, high = concept.calibration.strength_min, concept.calibration.strength_max
        else:
            low, high = -UNCALIBRATED_STRENGTH_MAX, UNCALIBRATED_STRENGTH_MAX
        return UsableConcept(direction=direction, strength_min=low, strength_max=high)

    async def slider(self, name: str) -> UsableConcept:
        """The concept behind a slider. Raises FailedPrecondition while it is still being computed."""
        try:
            return await self.concept(name)
        except NotFound as failure:
            raise FailedPrecondition(
                f"the slider {name} is not ready for this model yet; it is computed when the extract service starts",
                reason="SLIDER_NOT_READY",
                retry_after_s=10.0,
            ) from failure

    async def _direction(self, key: str, sha256: str) -> Direction:
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        stored = await self._store.get(key)
        if stored.sha256 != sha256:
            raise DataLoss(f"vector {key} is not the one that was stored; make it again", reason="VECTOR_DAMAGED")
        direction = Direction.from_bytes(stored.data)
        self._cache[key] = direction
        if len(self._cache) > self._item_max:
            self._cache.popitem(last=False)
        return direction
