"""Job store: documents changed by compare-and-swap, lists, markers of open jobs, watches."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from resonance.completion import run_to_completion
from resonance.durable import Changes
from resonance.errors import Conflict, DataLoss, NotFound, ResonanceError, invalid_field
from resonance.identity import acting_as, current_owner
from resonance.store import ObjectStore
from resonance.store.keys import JOB_LIST, JOBS_OPEN, job_key, job_list_key, open_job_key
from resonance_ingest.jobs.job import Job, StateChange, from_json, to_json

_SWAPS_MAX = 50
_PAGE_SIZE = 50
_WRITTEN_WITHIN_S = 20.0  # well below the time after which the sweep drops a marker without a document
_TOKEN = re.compile(r"\d{14}-[a-z0-9_-]{1,64}")
_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs, newest first. `next_token` is empty on the last page."""

    jobs: tuple[Job, ...]
    next_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMarker:
    """Marker of a job that is not final. Its document may be final or gone meanwhile, or not written yet."""

    key: str
    owner: str
    job_id: str


class JobStore:
    """Jobs as documents.

    Beside each document `jobs/{id}` lie two empty markers: `job-list/{newest first}-{id}` for listing, and
    `job-open/{oldest first}-{owner}.{id}` while the job is not final: it names what is submitted again to an engine that lost its file.
    Markers are written before the document and removed after it; a marker without a document takes no place in the
    queue. Documents and lists belong to the current owner (`resonance.identity`); the open markers are one list for all.
    """

    def __init__(
        self,
        store: ObjectStore,
        changes: Changes,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._changes = changes
        self._clock_ms = clock_ms

    def now_ms(self) -> int:
        """The wall clock that stamps documents."""
        return self._clock_ms()

    async def add(self, job: Job) -> Job:
        """Stores a new job, or returns the job that the same request made before.

        The writes are shielded: they go on to their end although the caller's task is cancelled.

        Raises:
            Conflict: another request used the id (REQUEST_ID_REUSED).
        """
        return await run_to_completion(self._add(job))

    async def _add(self, job: Job) -> Job:
        try:
            await self._write(job)
        except Conflict:
            await self._unmark_unless_there(job)
            return same_request(await self.get(job.job_id), job.request_digest)
        except Exception:
            with suppress(ResonanceError):  # during an outage the markers stay for a while, without effect
                await self._unmark_unless_there(job)
            raise
        return job

    async def _write(self, job: Job) -> None:
        began_s = time.monotonic()
        await self._store.put(_list_key(job), b"")
        await self.mark_open(job)
        await self._store.create(job_key(job.job_id), to_json(job))
        if time.monotonic() - began_s > _WRITTEN_WITHIN_S:
            await self.mark_open(job)

    async def _unmark_unless_there(self, job: Job) -> None:
        there = await self.find(job.job_id)
        if there is None or there.created_ms != job.created_ms:
            await self._store.delete(_open_key(job))
            await self._store.delete(_list_key(job))

    async def find(self, job_id: str) -> Job | None:
        """The job, or None."""
        with suppress(NotFound):
            return await self.get(job_id)
        return None

    async def find_readable(self, job_id: str) -> Job | None:
        """The job, or None where it is gone or damaged, so that one damaged job does not block the others."""
        try:
            return await self.find(job_id)
        except DataLoss as failure:
            _log.error("a job is damaged", job=job_id, why=failure.message)
            return None

    async def get(self, job_id: str) -> Job:
        """The job. Raises NotFound."""
        return (await self._read(job_id))[0]

    async def change(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Applies a change to the current document, again after every conflict. Returns the new job.

        `change` may raise to refuse.

        Raises:
            NotFound: there is no such job.
            Conflict: too many writers (JOB_CONTENDED).
        """
        for attempt in range(_SWAPS_MAX):
            before, version = await self._read(job_id)
            after = change(before)
            if after == before:
                return before
            after = _stamped(before, after, max(self._clock_ms(), before.updated_ms))
            try:
                await self._store.replace(job_key(job_id), to_json(after), version=version)
            except Conflict:
                await asyncio.sleep(0.002 * attempt)
                continue
            await self._announce(after)
            return after
        raise Conflict(f"job {job_id} changes too fast", reason="JOB_CONTENDED")

    async def delete(self, job: Job) -> None:
        """Removes the document and its markers."""
        await self._store.delete(job_key(job.job_id))
        await self._store.delete(_open_key(job))
        await self._store.delete(_list_key(job))
        self._changes.announce(_name(job.job_id))

    async def open_ids(self) -> list[str]:
        """The ids of the jobs that are not final, oldest first. An id may turn out to be gone or final."""
        return [marker.job_id for marker in await self.open_markers()]

    async def open_markers(self) -> list[OpenMarker]:
        """The markers of all owners' jobs that are not final, oldest first."""
        return [_parse_marker(key) async for key in self._store.keys(JOBS_OPEN)]

    async def taking_places(self) -> list[OpenMarker]:
        """The markers with a document. Each document is looked up."""
        return [marker for marker in await self.open_markers() if await self._has_document(marker)]

    async def find_open(self, marker: OpenMarker) -> Job | None:
        """The open job of a marker. None where it is gone or damaged, and where it is final: then the marker is removed."""
        with acting_as(marker.owner):
            job = await self.find_readable(marker.job_id)
        if job is not None and job.state.is_final:
            await self.close_marker(marker)
            return None
        return job

    async def begun_since(self, since_ms: float) -> int:
        """The number of the owner's jobs that were begun since a time."""
        return sum([_parse_created_ms(key) >= since_ms async for key in self._store.keys(JOB_LIST)])

    async def mark_open(self, job: Job) -> None:
        """Puts a job into the queue of those that are not final. It is safe to call twice."""
        await self._store.put(_open_key(job), b"")

    async def close_marker(self, marker: OpenMarker) -> None:
        """Removes the marker of a job that is final."""
        await self._store.delete(marker.key)

    async def drop_marker(self, marker: OpenMarker) -> None:
        """Removes a marker without a document, and restores it where the document was written meanwhile."""
        if await self._has_document(marker):
            return
        await self._store.delete(marker.key)
        if await self._has_document(marker):
            await self._store.put(marker.key, b"")

    async def page(self, size: int, token: str) -> JobPage:
        """One page of jobs, newest first. Raises InvalidInput for a token that no page gave."""
        if token and not _TOKEN.fullmatch(token):
            raise invalid_field("page_token", "MALFORMED", "is not a token that this service gave")
        size = size or _PAGE_SIZE
        keys = [key async for key in self._store.keys(JOB_LIST) if key > f"{JOB_LIST}{token}"]
        jobs = [job for key in keys[:size] if (job := await self.find_readable(_parse_id(key))) is not None]
        more = len(keys) > size
        return JobPage(jobs=tuple(jobs), next_token=keys[size - 1].removeprefix(JOB_LIST) if more else "")

    async def all(self) -> AsyncGenerator[Job, None]:
        """Every job that can be read, newest first."""
        for key in [key async for key in self._store.keys(JOB_LIST)]:
            if (job := await self.find_readable(_parse_id(key))) is not None:
                yield job

    async def drop_dangling_markers(self, *, older_than_ms: float) -> None:
        """Removes old markers that a crash left without a document. The document of a young one may be on its way."""
        for key in [key async for key in self._store.keys(JOB_LIST)]:
            if _parse_created_ms(key) < older_than_ms and not await self._store.exists(job_key(_parse_id(key))):
                await self._store.delete(key)
        for marker in await self.open_markers():
            if _parse_created_ms(marker.key) < older_than_ms:
                await self.drop_marker(marker)

    async def watch(self, job_id: str, after_revision: int | None = None) -> AsyncGenerator[Job, None]:
        """The job now, or at its first revision after the given one, and at every change until it is final.

        Changes of this process arrive at once, those of other replicas within a second. Raises NotFound when the job is deleted.
        """
        seen = -1 if after_revision is None else after_revision
        with self._changes.watcher(_name(job_id), job_id) as watcher:
            while True:
                watcher.arm()
                job = await self.get(job_id)
                if job.revision > seen:
                    seen = job.revision
                    yield job
                if job.state.is_final:
                    return
                await watcher.wait()

    async def _read(self, job_id: str) -> tuple[Job, str]:
        try:
            found = await self._store.get(job_key(job_id))
        except NotFound:
            raise NotFound(f"there is no job {job_id}", reason="NO_SUCH_JOB") from None
        return from_json(found.data), found.version

    async def _has_document(self, marker: OpenMarker) -> bool:
        with acting_as(marker.owner):
            return await self._store.exists(job_key(marker.job_id))

    async def _announce(self, job: Job) -> None:
        self._changes.announce(_name(job.job_id))
        if job.state.is_final:
            await self._store.delete(_open_key(job))


def _name(job_id: str) -> tuple[str, str]:
    return current_owner(), job_id


def _stamped(before: Job, after: Job, now_ms: int) -> Job:
    if after.state == before.state:
        return replace(after, updated_ms=now_ms)
    return replace(after, updated_ms=now_ms, history=(*after.history, StateChange(state=after.state, at_ms=now_ms)))


def same_request(job: Job, request_digest: str) -> Job:
    """The job, if it was made by the same request.

    Raises:
        Conflict: the request id was used for something else.
    """
    if job.request_digest != request_digest:
        raise Conflict(
            "this request_id was used for another request: choose a new one, or send the same request again",
            reason="REQUEST_ID_REUSED",
        )
    return job


def _list_key(job: Job) -> str:
    return job_list_key(job.created_ms, job.job_id)


def _open_key(job: Job) -> str:
    return open_job_key(job.created_ms, job.owner, job.job_id)


def _parse_created_ms(key: str) -> int:
    number = int(key.partition("/")[2].partition("-")[0])
    return 10**14 - number if key.startswith(JOB_LIST) else number


def _parse_id(key: str) -> str:
    return _parse_marker(key).job_id


def _parse_marker(key: str) -> OpenMarker:
    owner, _, job_id = key.partition("/")[2].partition("-")[2].rpartition(".")
    return OpenMarker(key=key, owner=owner, job_id=job_id)
