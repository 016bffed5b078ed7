"""Store of safe ranges in force, and merge of calibrations.

A new calibration is merged with the one before it.
"""

from __future__ import annotations

import asyncio

import structlog
from google.protobuf import json_format

from resonance.errors import DataLoss, NotFound
from resonance.steering.ranges import UNCALIBRATED_TASTE_MAX, uncalibrated_max
from resonance.store import ObjectStore
from resonance.store.keys import taste_calibration_key
from resonance.v1 import extract_pb2
from resonance_extract.calibration.conditions import Subject
from resonance_extract.concepts.store import ConceptStore

_KEPT = "nothing was tried on this side, and it keeps what it had"
_log = structlog.get_logger("extract")


class RangeStore:
    """Puts calibrations in force: a concept's in its document, a taste's under a key of its vector."""

    def __init__(self, concepts: ConceptStore, store: ObjectStore) -> None:
        self._concepts = concepts
        self._store = store
        # One calibration is put at a time: a side that was not tried is read from the one in force, and two at once would lose a side.
        self._putting = asyncio.Lock()

    async def put(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        """Puts a calibration in force, unless the subject's vector was replaced in the meantime. Raises NotFound."""
        async with self._putting:
            await (self._put_concept if subject.concept else self._put_taste)(subject, found)

    async def _put_concept(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        concept = await self._concepts.get(subject.concept)
        if concept.vector_sha256 != subject.vector_sha256:
            _log.info("the calibration of a concept that was computed again is left out", concept=concept.name)
            return
        before = concept.calibration if concept.HasField("calibration") else None
        concept.calibration.CopyFrom(
            merge_calibrations(found, before, cautious=uncalibrated_max(concept.natural_strength))
        )
        await self._concepts.save(concept)

    async def _put_taste(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        key = taste_calibration_key(subject.taste_id, subject.vector_sha256)
        try:
            before = json_format.Parse((await self._store.get(key)).data, extract_pb2.Calibration())
        except (NotFound, DataLoss):  # a damaged calibration is replaced by the new one
            before = None
        whole = merge_calibrations(found, before, cautious=UNCALIBRATED_TASTE_MAX)
        await self._store.put(key, json_format.MessageToJson(whole, indent=None).encode())


def merge_calibrations(
    found: extract_pb2.Calibration, before: extract_pb2.Calibration | None, *, cautious: float
) -> extract_pb2.Calibration:
    """The new calibration. A side on which nothing was tried keeps the earlier one, or `cautious`, and its reason says so."""
    whole = extract_pb2.Calibration()
    whole.CopyFrom(found)
    whole.is_trial = False
    for sign, end in ((-1, "min"), (1, "max")):
        if any(point.strength * sign > 0 for point in found.points):
            continue
        kept = before or _build_cautious(cautious)
        for name in ("strength", "faithful"):
            setattr(whole, f"{name}_{end}", getattr(kept, f"{name}_{end}"))
        why = getattr(kept, f"reason_{end}").removesuffix(f"; {_KEPT}")
        setattr(whole, f"reason_{end}", f"{why}; {_KEPT}")
        _keep_side(whole, kept, sign)
    return whole


def _keep_side(whole: extract_pb2.Calibration, kept: extract_pb2.Calibration, sign: int) -> None:
    """Copies the points and the remap of one side from the earlier calibration."""
    points = [*whole.points, *(point for point in kept.points if point.strength * sign > 0)]
    knots = [knot for knot in whole.remap if knot.position * sign <= 0]
    straight = extract_pb2.RemapPoint(position=sign, strength=kept.strength_max if sign > 0 else kept.strength_min)
    knots += [knot for knot in kept.remap if knot.position * sign > 0] or [straight]
    del whole.points[:], whole.remap[:]
    whole.points.extend(sorted(points, key=lambda point: point.strength))
    whole.remap.extend(sorted(knots, key=lambda knot: knot.position))


def _build_cautious(end: float) -> extract_pb2.Calibration:
    straight = [extract_pb2.RemapPoint(position=place, strength=place * end) for place in (-1.0, 0.0, 1.0)]
    why = "never measured"
    return extract_pb2.Calibration(strength_min=-end, strength_max=end, remap=straight, reason_min=why, reason_max=why)
