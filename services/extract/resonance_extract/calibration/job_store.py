"""Stored calibration jobs: documents changed by compare-and-swap, markers of open ones, watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass

from resonance.durable import Changes
from resonance.errors import Conflict, DataLoss, NotFound
from resonance.identity import acting_as, current_owner
from resonance.store import ObjectStore
from resonance.store.keys import calibration_job_key, open_calibration_job_key
from resonance.v1 import extract_pb2
from resonance_extract.calibration.job_document import FINAL, CalibrationJobDocument
from resonance_extract.calibration.work import derive_work_id

_JOINED = b"joined"  # content of an open job's marker after a caller besides its starter asked for it
_SWAPS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """Owner and id of a job that was not final when its marker was written."""

    owner: str
    calibration_job_id: str


class CalibrationJobStore:
    """Documents and markers of calibration jobs.

    A document belongs to the current owner (`resonance.identity`). The markers are one list for all owners; one stands while its job is
    not final, so that a lost engine file costs nothing: the markers name what is submitted again.
    """

    def __init__(self, store: ObjectStore, changes: Changes) -> None:
        self._store = store
        self._changes = changes

    async def find(self, calibration_job_id: str) -> CalibrationJobDocument | None:
        """The job, or None."""
        with suppress(NotFound):
            return await self.load(calibration_job_id)
        return None

    async def load(self, calibration_job_id: str) -> CalibrationJobDocument:
        """The job. Raises NotFound (NO_SUCH_CALIBRATION_JOB) and DataLoss."""
        return (await self._read(calibration_job_id))[0]

    async def add(self, document: CalibrationJobDocument) -> None:
        """Stores a new job. Raises Conflict where another call stored it at this moment."""
        await self._open_marker(document)
        document.calibration_job.update_time.GetCurrentTime()
        await self._store.create(_key_of(document), document.to_bytes())
        self._announce(document)

    async def change(
        self, calibration_job_id: str, change: Callable[[CalibrationJobDocument], None]
    ) -> CalibrationJobDocument:
        """Applies a change to the current document, again after every conflict. Returns the new document.

        `change` may raise to refuse. A change that leaves the document as it is writes nothing.

        Raises:
            NotFound: there is no such job.
            Conflict: too many writers (CALIBRATION_JOB_CONTENDED).
        """
        for attempt in range(_SWAPS_MAX):
            document, version = await self._read(calibration_job_id)
            before = document.to_bytes()
            change(document)
            if document.to_bytes() == before:
                return document
            document.calibration_job.update_time.GetCurrentTime()
            if document.is_running:
                await self._open_marker(document)
            try:
                await self._store.replace(_key_of(document), document.to_bytes(), version=version)
            except Conflict:
                await asyncio.sleep(0.002 * attempt)
                continue
            if not document.is_running:
                await self.close_marker(current_owner(), calibration_job_id)
            self._announce(document)
            return document
        message = f"calibration job {calibration_job_id} changes too fast"
        raise Conflict(message, reason="CALIBRATION_JOB_CONTENDED")

    async def watch(self, calibration_job_id: str) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """The job now and at every change, until it is final. Raises NotFound."""
        owner, seen = current_owner(), None
        name = (owner, calibration_job_id)
        with self._changes.watcher(name, derive_work_id(owner, calibration_job_id)) as watcher:
            while True:
                watcher.arm()
                job = (await self.load(calibration_job_id)).calibration_job
                if job != seen:
                    seen = job
                    yield job
                if job.state in FINAL:
                    return
                await watcher.wait()

    async def join(self, calibration_job_id: str) -> None:
        """Marks an open job as joined by a caller besides its starter."""
        await self._store.put(open_calibration_job_key(current_owner(), calibration_job_id), _JOINED)

    async def is_joined(self, calibration_job_id: str) -> bool:
        """True where a caller besides its starter asked for the open job."""
        with suppress(NotFound, DataLoss):
            return (
                await self._store.get(open_calibration_job_key(current_owner(), calibration_job_id))
            ).data == _JOINED
        return False

    async def list_open(self) -> list[OpenJob]:
        """The jobs of all owners that are not final. One of them may have ended meanwhile."""
        return [_parse_marker(key) async for key in self._store.keys(open_calibration_job_key("", ""))]

    async def find_open(self, marker: OpenJob) -> CalibrationJobDocument | None:
        """The open job of a marker; None where it is gone or final, and the marker is removed. Raises DataLoss."""
        with acting_as(marker.owner):
            document = await self.find(marker.calibration_job_id)
        if document is not None and document.is_running:
            return document
        await self.close_marker(marker.owner, marker.calibration_job_id)
        return None

    async def close_marker(self, owner: str, calibration_job_id: str) -> None:
        """Removes the marker of a job that is gone or final."""
        await self._store.delete(open_calibration_job_key(owner, calibration_job_id))

    async def _open_marker(self, document: CalibrationJobDocument) -> None:
        """Marks the job as open. An existing marker keeps its content."""
        key = open_calibration_job_key(current_owner(), document.calibration_job.calibration_job_id)
        if not await self._store.exists(key):
            await self._store.put(key, b"")

    async def _read(self, calibration_job_id: str) -> tuple[CalibrationJobDocument, str]:
        try:
            stored = await self._store.get(calibration_job_key(calibration_job_id))
        except NotFound:
            message = f"there is no calibration job {calibration_job_id}"
            raise NotFound(message, reason="NO_SUCH_CALIBRATION_JOB") from None
        return CalibrationJobDocument.from_bytes(stored.data), stored.version

    def _announce(self, document: CalibrationJobDocument) -> None:
        self._changes.announce((current_owner(), document.calibration_job.calibration_job_id))


def _key_of(document: CalibrationJobDocument) -> str:
    return calibration_job_key(document.calibration_job.calibration_job_id)


def _parse_marker(key: str) -> OpenJob:
    calibration_job_id, _, owner = key.partition("/")[2].partition(".")
    return OpenJob(owner=owner, calibration_job_id=calibration_job_id)
