"""Reference statistics of a model, from takes or read music.

The takes are the model's own. The music was read by a reference job.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog
from google.protobuf import json_format

from resonance.errors import DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import given_reference_key, reference_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference_takes import PROMPTS, ReferenceTakes, Report
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.statistics import ReferenceStatistics

LOADED_MAX = 16
_log = structlog.get_logger("extract")


class ReferenceStore:
    """Loads the reference in force from memory or the store, or computes it from twelve takes of the model's own.

    A reference that a calibration job made of a caller's music goes before the model's own. It belongs to the owner of that job.
    """

    def __init__(self, worker: ActivationWorker, store: ObjectStore) -> None:
        self._worker = worker
        self._store = store
        self._lock = asyncio.Lock()
        self._default: ReferenceStatistics | None = None
        self._digest = worker.model.description.digest
        self._default_key = reference_key(reference_digest(self._digest))
        self._loaded: OrderedDict[str, ReferenceStatistics] = (
            OrderedDict()
        )  # of calibration jobs, by the SHA-256 of their objects

    async def get(self, report: Report = lambda _done, _total: None) -> ReferenceStatistics:
        """The reference in force; concurrent callers wait for one computation, whose progress is reported to the first."""
        summary = await self._load_summary()
        # A caller who waits for a computation in the background must not wait for the listeners too.
        with self._worker.turns.urgent():
            async with self._lock:
                if summary is not None and (found := await self._find_loaded(summary)) is not None:
                    return found
                if self._default is None:
                    self._default = await self._load_default() or await self._compute_default(report)
                return self._default

    async def is_stored(self) -> bool:
        """True where a reference is in force or the model's own is stored, so that `get` computes nothing."""
        return await self._load_summary() is not None or await self._store.exists(self._default_key)

    def forget(self) -> None:
        """Drops what was loaded, because other objects were stored in its place."""
        self._default = None
        self._loaded.clear()

    async def describe(self) -> extract_pb2.ReferenceSummary:
        """The summary of the reference in force."""
        reference, summary = await self.get(), await self._load_summary()
        if summary is not None and reference.tag:
            return summary
        try:
            sha256 = (await self._store.get(self._default_key)).sha256
        except (NotFound, DataLoss):  # the object was removed while this process holds its content
            sha256 = await self._store.put(self._default_key, reference.to_bytes())
        return extract_pb2.ReferenceSummary(
            model_digest=self._digest,
            source="model_takes",
            piece_count=len(PROMPTS),
            object_key=self._default_key,
            object_sha256=sha256,
        )

    async def keep(self, reference: ReferenceStatistics, *, calibration_job_id: str) -> extract_pb2.ReferenceSummary:
        """Stores statistics that a calibration job made. `put_in_force` makes them the reference."""
        data = reference.to_bytes()
        key = reference_key(sha256_hex(data))
        summary = extract_pb2.ReferenceSummary(
            model_digest=self._digest,
            source="chosen_music",
            piece_count=len(reference.pieces),
            object_key=key,
            object_sha256=await self._store.put(key, data),
            calibration_job_id=calibration_job_id,
        )
        summary.create_time.GetCurrentTime()
        return summary

    async def put_in_force(self, summary: extract_pb2.ReferenceSummary) -> None:
        """Makes the stored statistics the reference of later tastes and concepts. Earlier ones stay as they are."""
        document = json_format.MessageToJson(summary, indent=None).encode()
        await self._store.put(given_reference_key(self._digest), document)

    async def _load_summary(self) -> extract_pb2.ReferenceSummary | None:
        try:
            stored = await self._store.get(given_reference_key(self._digest))
        except (NotFound, DataLoss):
            return None
        return json_format.Parse(stored.data, extract_pb2.ReferenceSummary())

    async def _find_loaded(self, summary: extract_pb2.ReferenceSummary) -> ReferenceStatistics | None:
        """The reference of a calibration job; None where its statistics are gone or damaged, and the model's own are used."""
        sha256 = summary.object_sha256
        if sha256 not in self._loaded:
            try:
                stored = await self._store.get(summary.object_key)
                if stored.sha256 != sha256:
                    raise DataLoss("another object lies under its key", reason="STATISTICS_DAMAGED")
                self._loaded[sha256] = ReferenceStatistics.from_bytes(stored.data, tag=sha256[:16])
            except (NotFound, DataLoss) as failure:
                _log.error(
                    "the reference of a calibration job cannot be read; the model's own is used", why=failure.message
                )
                return None
            if len(self._loaded) > LOADED_MAX:
                self._loaded.popitem(last=False)
        return self._loaded[sha256]

    async def _load_default(self) -> ReferenceStatistics | None:
        try:
            return ReferenceStatistics.from_bytes((await self._store.get(self._default_key)).data)
        except (NotFound, DataLoss):
            return None

    async def _compute_default(self, report: Report) -> ReferenceStatistics:
        _log.info("reading the model's own takes for its reference", takes=len(PROMPTS))
        takes = ReferenceTakes(self._worker, self._store)
        reference = await takes.read(report)
        await self._store.put(self._default_key, reference.to_bytes())
        await takes.forget()
        return reference
