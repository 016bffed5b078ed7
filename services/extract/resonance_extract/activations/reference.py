"""Reference statistics: what varied music looks like inside a model. The model's own takes, once, until somebody gives it music."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import numpy as np
import structlog
from google.protobuf import json_format

from resonance.errors import DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import given_reference_key, reference_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.statistics import Reference
from resonance_extract.activations.worker import ActivationWorker

PROMPTS = (
    "calm piano music",
    "fast energetic rock with drums",
    "slow ambient synth",
    "jazz with piano and bass",
    "electronic dance music",
    "classical strings",
    "folk guitar",
    "funk with bass and drums",
    "sad piano in minor",
    "happy pop",
    "cinematic epic orchestra",
    "lofi beat for studying",
)
_DURATION_S = 5.0
_SEED = 7
GIVEN_KEPT_MAX = 16
_log = structlog.get_logger("extract")


class ReferenceStore:
    """Gives the reference that is in force, from memory, from the store, or by listening to twelve takes of the model's own.

    A reference that a calibration job has made of music that it was given goes before the model's own. It belongs to whoever gave it.
    """

    def __init__(self, ear: ActivationWorker, store: ObjectStore) -> None:
        self._ear = ear
        self._store = store
        self._lock = asyncio.Lock()
        self._own: Reference | None = None
        self._digest = ear.model.description.digest
        self._own_key = reference_key(reference_digest(self._digest))
        self._given: OrderedDict[str, Reference] = OrderedDict()  # by the SHA-256 of their objects

    async def get(self) -> Reference:
        """The reference in force; concurrent callers wait for one computation."""
        given = await self._summary()
        async with self._lock:
            if given is not None and (found := await self._find_given(given)) is not None:
                return found
            if self._own is None:
                self._own = await self._load() or await self._compute()
            return self._own

    async def describe(self) -> extract_pb2.ReferenceSummary:
        """What the reference in force is, without its statistics."""
        reference, given = await self.get(), await self._summary()
        if given is not None and reference.tag:
            return given
        try:
            sha256 = (await self._store.get(self._own_key)).sha256
        except (NotFound, DataLoss):  # it was removed while we hold it
            sha256 = await self._store.put(self._own_key, reference.to_bytes())
        return extract_pb2.ReferenceSummary(
            model_digest=self._digest,
            source="own_takes",
            piece_count=len(PROMPTS),
            object_key=self._own_key,
            object_sha256=sha256,
        )

    async def keep(self, reference: Reference, *, calibration_job_id: str) -> extract_pb2.ReferenceSummary:
        """Stores statistics that a calibration job has made. `put_in_force` makes them the reference."""
        data = reference.to_bytes()
        key = reference_key(sha256_hex(data))
        summary = extract_pb2.ReferenceSummary(
            model_digest=self._digest,
            source="given",
            piece_count=len(reference.pieces),
            object_key=key,
            object_sha256=await self._store.put(key, data),
            calibration_job_id=calibration_job_id,
        )
        summary.create_time.GetCurrentTime()
        return summary

    async def put_in_force(self, summary: extract_pb2.ReferenceSummary) -> None:
        """From here on tastes and concepts are made against it; what was made before stays as it is."""
        document = json_format.MessageToJson(summary, indent=None).encode()
        await self._store.put(given_reference_key(self._digest), document)

    async def _summary(self) -> extract_pb2.ReferenceSummary | None:
        try:
            stored = await self._store.get(given_reference_key(self._digest))
        except (NotFound, DataLoss):
            return None
        return json_format.Parse(stored.data, extract_pb2.ReferenceSummary())

    async def _find_given(self, summary: extract_pb2.ReferenceSummary) -> Reference | None:
        """None where its statistics are gone or damaged: the model's own then serve, and the summary says so."""
        sha256 = summary.object_sha256
        if sha256 not in self._given:
            try:
                stored = await self._store.get(summary.object_key)
                if stored.sha256 != sha256:
                    raise DataLoss("another object lies under its key", reason="STATISTICS_DAMAGED")
                self._given[sha256] = Reference.from_bytes(stored.data, tag=sha256[:16])
            except (NotFound, DataLoss) as failure:
                _log.error("the given reference cannot be read; the model's own serves", why=failure.message)
                return None
            if len(self._given) > GIVEN_KEPT_MAX:
                self._given.popitem(last=False)
        return self._given[sha256]

    async def _load(self) -> Reference | None:
        try:
            return Reference.from_bytes((await self._store.get(self._own_key)).data)
        except (NotFound, DataLoss):
            return None

    async def _compute(self) -> Reference:
        _log.info("listening to the model's own music for reference", takes=len(PROMPTS))
        rendered = await self._ear.render(list(PROMPTS), duration_s=_DURATION_S, seed=_SEED)
        heard = [await self._ear.codes(codes) for codes, _ in rendered]
        reference = Reference.of_pieces(
            np.stack([one.mean.numpy() for one in heard]), np.stack([one.variance.numpy() for one in heard])
        )
        await self._store.put(self._own_key, reference.to_bytes())
        return reference
