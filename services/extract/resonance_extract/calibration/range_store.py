"""The safe range in force: where a concept's and a taste's are kept, and what a new calibration keeps of the one before it."""

from __future__ import annotations

import asyncio

import structlog
from google.protobuf import json_format

from resonance.errors import DataLoss, NotFound
from resonance.steering.ranges import UNCALIBRATED_TASTE_MAX, uncalibrated_max
from resonance.store import ObjectStore
from resonance.store.keys import taste_calibration_key
from resonance.v1 import extract_pb2
from resonance_extract.calibration.renderings import Subject
from resonance_extract.concepts.store import ConceptStore

_KEPT = "nothing was tried on this side, and it keeps what it had"
_log = structlog.get_logger("extract")


class RangeStore:
    """Puts calibrations in force."""

    def __init__(self, concepts: ConceptStore, store: ObjectStore) -> None:
        self._concepts = concepts
        self._store = store
        # A side that was not tried is read from what is in force: two that end at once would each lose the other's.
        self._putting = asyncio.Lock()

    async def put(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        """Puts a calibration in force for its subject; one of a vector that was replaced in the meantime is left out. Raises NotFound."""
        async with self._putting:
            await (self._put_of_concept if subject.concept else self._put_of_taste)(subject, found)

    async def _put_of_concept(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        concept = await self._concepts.get(subject.concept)
        if concept.vector_sha256 != subject.vector_sha256:
            _log.info("a calibration of a concept that was made anew is left out", concept=concept.name)
            return
        before = concept.calibration if concept.HasField("calibration") else None
        concept.calibration.CopyFrom(merged(found, before, cautious=uncalibrated_max(concept.natural_strength)))
        await self._concepts.save(concept)

    async def _put_of_taste(self, subject: Subject, found: extract_pb2.Calibration) -> None:
        key = taste_calibration_key(subject.taste_id, subject.vector_sha256)
        try:
            before = json_format.Parse((await self._store.get(key)).data, extract_pb2.Calibration())
        except (NotFound, DataLoss):  # what is damaged is measured anew: this is how
            before = None
        whole = merged(found, before, cautious=UNCALIBRATED_TASTE_MAX)
        await self._store.put(key, json_format.MessageToJson(whole, indent=None).encode())


def merged(
    found: extract_pb2.Calibration, before: extract_pb2.Calibration | None, *, cautious: float
) -> extract_pb2.Calibration:
    """What was found; a side on which nothing was tried is the one before it, or `cautious`, and its reason says so."""
    whole = extract_pb2.Calibration()
    whole.CopyFrom(found)
    whole.is_trial = False
    for sign, end in ((-1, "min"), (1, "max")):
        if any(point.strength * sign > 0 for point in found.points):
            continue
        kept = before or _cautious(cautious)
        for name in ("strength", "faithful"):
            setattr(whole, f"{name}_{end}", getattr(kept, f"{name}_{end}"))
        why = getattr(kept, f"reason_{end}").removesuffix(f"; {_KEPT}")
        setattr(whole, f"reason_{end}", f"{why}; {_KEPT}")
        _keep_side(whole, kept, sign)
    return whole


def _keep_side(whole: extract_pb2.Calibration, kept: extract_pb2.Calibration, sign: int) -> None:
    """The points and the remap of one side as they were."""
    points = [*whole.points, *(point for point in kept.points if point.strength * sign > 0)]
    knots = [knot for knot in whole.remap if knot.position * sign <= 0]
    straight = extract_pb2.RemapPoint(position=sign, strength=kept.strength_max if sign > 0 else kept.strength_min)
    knots += [knot for knot in kept.remap if knot.position * sign > 0] or [straight]
    del whole.points[:], whole.remap[:]
    whole.points.extend(sorted(points, key=lambda point: point.strength))
    whole.remap.extend(sorted(knots, key=lambda knot: knot.position))


def _cautious(end: float) -> extract_pb2.Calibration:
    straight = [extract_pb2.RemapPoint(position=place, strength=place * end) for place in (-1.0, 0.0, 1.0)]
    why = "never measured"
    return extract_pb2.Calibration(strength_min=-end, strength_max=end, remap=straight, reason_min=why, reason_max=why)
