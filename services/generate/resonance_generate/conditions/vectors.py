"""Directions from the object store, with an LRU cache.

They are checked against the model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from google.protobuf import json_format

from resonance.errors import DataLoss, FailedPrecondition, NotFound
from resonance.steering.direction import Direction
from resonance.steering.ranges import UNCALIBRATED_TASTE_MAX, uncalibrated_max
from resonance.store import ObjectStore
from resonance.store.keys import concept_key, taste_calibration_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableConcept:
    """A concept's direction and its safe range; without a calibration the range is a cautious default.

    `remap` are knots (slider position, strength) in rising order; without them straight lines join the ends to zero. `layer_gains` apply
    where a recipe names none.
    """

    direction: Direction
    strength_min: float
    strength_max: float
    remap: tuple[tuple[float, float], ...] = ()
    layer_gains: Mapping[int, float] = field(default_factory=dict)

    def strength_at(self, position: float) -> float:
        """The strength of a slider position in [-1, 1]; 0 is exactly 0."""
        if position == 0.0:
            return 0.0
        if not self.remap:
            return position * (self.strength_max if position > 0 else -self.strength_min)
        positions, strengths = zip(*self.remap, strict=True)
        return float(np.interp(position, positions, strengths))


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableTaste:
    """A taste's direction, safe range and description in words.

    The direction is None where the taste is words alone; without a calibration the range is a cautious default.
    """

    direction: Direction | None
    strength_min: float
    strength_max: float
    words: str


class Vectors:
    """Finds directions by taste id or concept name, and caches the `item_max` most recently used vectors."""

    def __init__(self, store: ObjectStore, *, model_digest: str, item_max: int) -> None:
        self._store = store
        self._model_digest = model_digest
        self._item_max = item_max
        self._cache: OrderedDict[str, Direction] = OrderedDict()

    async def taste(self, taste_id: str) -> UsableTaste:
        """A completed taste.

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
        words = ", ".join(summary.character.words)
        if not summary.vector_key:
            return UsableTaste(direction=None, strength_min=0.0, strength_max=0.0, words=words)
        direction = await self._direction(summary.vector_key, summary.vector_sha256)
        low, high = await self._taste_range(taste_id, summary.vector_sha256)
        return UsableTaste(direction=direction, strength_min=low, strength_max=high, words=words)

    async def _taste_range(self, taste_id: str, vector_sha256: str) -> tuple[float, float]:
        """The calibrated safe range of this vector, or a cautious default."""
        try:
            stored = await self._store.get(taste_calibration_key(taste_id, vector_sha256))
        except (NotFound, DataLoss):  # a damaged one counts as none: calibration itself renders through here
            return -UNCALIBRATED_TASTE_MAX, UNCALIBRATED_TASTE_MAX
        calibration = json_format.Parse(stored.data, extract_pb2.Calibration())
        return calibration.strength_min, calibration.strength_max

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
        remap: tuple[tuple[float, float], ...] = ()
        if concept.HasField("calibration"):
            low, high = concept.calibration.strength_min, concept.calibration.strength_max
            remap = tuple((knot.position, knot.strength) for knot in concept.calibration.remap)
        else:
            high = uncalibrated_max(concept.natural_strength)
            low = -high
        return UsableConcept(
            direction=direction,
            strength_min=low,
            strength_max=high,
            remap=remap,
            layer_gains=dict(concept.layer_gains),
        )

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
