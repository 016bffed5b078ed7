"""Runner: leases unowned jobs and works on them.

It looks for jobs without a living owner, and leases a few at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from google.protobuf.json_format import ParseDict

from resonance.audio.decode import DecodeLimits
from resonance.errors import INTERNAL_MESSAGE, FailedPrecondition, Overloaded, ResonanceError, Unavailable
from resonance.identity import acting_as
from resonance.ids import canonical_digest, derive_job_id
from resonance.retry import Retries
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import steering_pb2
from resonance.workspace import Workspace
from resonance_ingest.jobs.job import Fault, Job, JobState, Lease
from resonance_ingest.jobs.job_store import JobStore, LeaseLost, OpenMarker, same_request
from resonance_ingest.jobs.lease_writer import LeaseWriter, beside
from resonance_ingest.pipeline.decode_cache import DecodeCache
from resonance_ingest.pipeline.extractor import Extractor
from resonance_ingest.pipeline.pipeline import Pipeline
from resonance_ingest.pipeline.preparation import Preparer
from resonance_ingest.sources import Source
from resonance_ingest.sources.links import LinkSource
from resonance_ingest.sources.list_cache import ListCache
from resonance_ingest.sources.uploads import UploadSource, has_uploads, remove_uploads

_POLL_S = 2.0
_RETRY_S_FIRST, _RETRY_S_MAX = 0.5, 8.0
_STOPS_WITHIN_S = 5.0
_MARKER_WAITS_S = 60.0  # a marker is written before its document; one without it for so long has a dead writer
_TYPICAL_JOB_S = 30.0
_OWNERS_MAX = 20  # a job that crashes its owners is given up after so many
_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """A lease as it was first seen; None for a marker without a document.

    The lease of a dead owner does not change, and the document of a dead writer does not come. The wait is measured by
    this process's clock alone.
    """

    lease: Lease | None
    since_s: float


class Runner:
    """Works on at most `jobs_running_max` jobs at once and keeps at most `jobs_queued_max` waiting."""

    def __init__(
        self, jobs: JobStore, store: ObjectStore, extractor: Extractor, workspace: Workspace, settings: Settings
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._extractor = extractor
        self._workspace = workspace
        self._settings = settings
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sightings: dict[str, _Sighting] = {}
        self._admission = asyncio.Lock()
        self._wake = asyncio.Event()
        self._job_s = _TYPICAL_JOB_S

    async def submit(self, job: Job) -> Job:
        """Accepts a job, or finds the one that the same request made before.

        Raises:
            Conflict: the request id was used for another request.
            Overloaded: every place is taken.
        """
        async with self._admission:
            there = await self._jobs.find(job.job_id)
            if there is not None:
                return same_request(there, job.request_digest)
            await self.check_room()
            accepted = await self._jobs.add(job)
        self._wake.set()
        return accepted

    async def check_room(self) -> None:
        """Raises Overloaded, with an estimate of when to try again, where the queue is full."""
        places = self._settings.jobs_running_max + self._settings.jobs_queued_max
        waiting = len(await self._jobs.open_markers())
        if waiting >= places:  # a marker without a document takes no place: documents are counted only here
            waiting = await self._jobs.open_count()
        if waiting >= places:
            retry_after_s = max(1.0, self._job_s / self._settings.jobs_running_max)
            message = f"{waiting} playlists are being worked on or waiting; try again in about {retry_after_s:.0f} s"
            raise Overloaded(message, reason="TOO_MANY_JOBS", retry_after_s=retry_after_s)

    async def cancel(self, job_id: str) -> Job:
        """Stops a job and waits until it has ended in this process. A final job is left as it is."""
        before = await self._jobs.get(job_id)
        if before.state.is_final:
            return before
        job = await self._jobs.change(job_id, lambda job: job.moved(state=JobState.CANCELLED))
        await self._stop(job_id)
        if job.state == JobState.CANCELLED:
            await self._clean_up_after(job)
        return job

    async def retry(self, job_id: str) -> Job:
        """Continues with the failed tracks of a final job, as a new job.

        The old job does not change, and neither does its taste, which a recipe may name.

        Raises:
            FailedPrecondition: the job is not final (JOB_NOT_FINAL), nothing of it could end otherwise
                (NOTHING_TO_RETRY), or its uploaded files are not kept any more (UPLOADS_GONE).
            Overloaded: every place is taken.
        """
        old = await self._jobs.get(job_id)
        if old.retried_as and (there := await self._jobs.find(old.retried_as)) is not None:
            return there
        if not old.state.is_final:
            raise FailedPrecondition(
                "the playlist is still being worked on: wait, or cancel it", reason="JOB_NOT_FINAL"
            )
        if not old.could_end_otherwise:
            message = "no track of this playlist could end otherwise; upload other files instead"
            raise FailedPrecondition(message, reason="NOTHING_TO_RETRY")
        if not (old.can_be_retried and await has_uploads(self._store, old)):
            message = "the uploaded files are not kept any more: upload them again"
            raise FailedPrecondition(message, reason="UPLOADS_GONE")
        accepted = await self.submit(_build_retry(old, self._jobs.now_ms()))
        # The new job owns the files now: deleting the old one must not remove them.
        await self._jobs.change(
            job_id,
            lambda job: replace(job, retried_as=accepted.job_id, uploads=(), revision=job.revision + 1),
        )
        return accepted

    async def delete(self, job_id: str) -> None:
        """Stops a job and removes it, its uploads, and the taste it made."""
        job = await self.cancel(job_id)
        await self._extractor.delete_taste(job_id)
        await remove_uploads(self._store, job)
        await self._jobs.delete(job)

    async def run(self) -> None:
        """Looks for work until cancelled; then stops the running jobs and gives their leases back."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._look_for_work()
                except ResonanceError as failure:
                    _log.warning("cannot look for work at the moment", why=failure.message)
                except Exception:  # this loop is the only one that looks for work in this process
                    _log.exception("unexpected error")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._wake.wait()
        finally:
            for job_id in list(self._running):
                await self._stop(job_id)

    async def _look_for_work(self) -> None:
        markers = await self._jobs.open_markers()
        open_ids = {marker.job_id for marker in markers}
        self._sightings = {job_id: seen for job_id, seen in self._sightings.items() if job_id in open_ids}
        for marker in markers:
            if len(self._running) >= self._settings.jobs_running_max:
                return
            if marker.job_id in self._running:
                continue
            with acting_as(marker.owner):  # what is started here works for the owner, too
                await self._consider(marker)

    async def _consider(self, marker: OpenMarker) -> None:
        job = await self._jobs.find_readable(marker.job_id)
        if job is None:
            if self._unchanged_s(marker.job_id, None) >= _MARKER_WAITS_S:
                await self._jobs.drop_marker(marker)
        elif job.state.is_final:
            await self._jobs.close_marker(marker)
        elif self._is_free(job):
            with suppress(LeaseLost):
                self._start(await self._jobs.claim(job.job_id, self._workspace.owner, job.lease))

    def _is_free(self, job: Job) -> bool:
        if job.lease is None or not job.lease.owner:
            return True
        return self._unchanged_s(job.job_id, job.lease) >= self._settings.job_lease_s

    def _unchanged_s(self, job_id: str, lease: Lease | None) -> float:
        """For how long the job has been seen with this lease, or its marker without a document."""
        seen, now_s = self._sightings.get(job_id), asyncio.get_running_loop().time()
        if seen is None or seen.lease != lease:
            self._sightings[job_id] = _Sighting(lease=lease, since_s=now_s)
            return 0.0
        return now_s - seen.since_s

    def _start(self, job: Job) -> None:
        _log.info("working", job=job.job_id, attempt=job.lease.token if job.lease else 0)
        task = asyncio.create_task(self._work(job), name=f"job {job.job_id}")
        self._running[job.job_id] = task
        task.add_done_callback(lambda _: self._forget(job.job_id))

    def _forget(self, job_id: str) -> None:
        self._running.pop(job_id, None)
        self._wake.set()

    async def _stop(self, job_id: str) -> None:
        if (task := self._running.get(job_id)) is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=_STOPS_WITHIN_S)

    async def _work(self, job: Job) -> None:
        writer = LeaseWriter(self._jobs, job, heartbeat_s=self._settings.job_lease_s / 4)
        started_s = asyncio.get_running_loop().time()
        try:
            keeper = asyncio.create_task(writer.keep())
            # One folder for all attempts: downloads and decoded samples outlive an outage of the extractor.
            with self._workspace.folder(job.job_id) as folder:
                await beside(keeper, asyncio.create_task(self._attempt_until_done(writer, folder)))
            self._job_s = 0.7 * self._job_s + 0.3 * (asyncio.get_running_loop().time() - started_s)
        except LeaseLost:
            _log.info("lost the lease", job=job.job_id)
        except ResonanceError as error:
            await self._fail(writer, Fault.of(error))
        except asyncio.CancelledError:
            await self._give_back(writer)
            raise
        except Exception:
            _log.exception("unexpected error", job=job.job_id)
            await self._fail(writer, Fault(reason="INTERNAL", message=INTERNAL_MESSAGE))
        await self._clean_up_after(job)

    async def _attempt_until_done(self, writer: LeaseWriter, folder: Path) -> None:
        """Tries again while a service or the store is unavailable, for `job_retry_s_max` seconds."""
        # Owners that gave the lease back did not crash.
        if writer.job.lease is not None and writer.job.lease.token - writer.job.returns > _OWNERS_MAX:
            message = "The work was cut short too many times. Try again with other files."
            raise FailedPrecondition(message, reason="TOO_MANY_ATTEMPTS")
        retries = Retries(first_s=_RETRY_S_FIRST, longest_s=_RETRY_S_MAX, patience_s=self._settings.job_retry_s_max)
        while True:
            try:
                await self._attempt(writer, folder)
                return
            except (Unavailable, Overloaded) as failure:
                if isinstance(failure, Overloaded):  # a full service is there: this is a queue and no outage
                    retries.extend()
                _log.warning("an attempt failed", job=writer.job.job_id, why=failure.message, in_s=retries.next_s)
                await retries.pause(failure)

    async def _attempt(self, writer: LeaseWriter, folder: Path) -> None:
        options = ParseDict(writer.job.options, steering_pb2.TasteOptions())
        source = self._open_source(writer.job, folder, options)
        shape = await self._extractor.shape()
        limits, known = DecodeLimits.of(self._settings), DecodeCache(self._store)
        preparer = Preparer(source, folder, shape, limits, known, options)
        pipeline = Pipeline(writer, source, preparer, self._extractor, options)
        await pipeline.run(tracks_max=self._settings.tracks_max)

    def _open_source(self, job: Job, folder: Path, options: steering_pb2.TasteOptions) -> Source:
        if job.uploads:
            return UploadSource(self._store, job)
        lists = ListCache(self._store, keep_s=self._settings.list_cache_s, now_ms=self._jobs.now_ms)
        return LinkSource(job.source_url, folder, self._settings, lists, options)

    async def _fail(self, writer: LeaseWriter, fault: Fault) -> None:
        _log.info("failed", job=writer.job.job_id, reason=fault.reason, why=fault.message)
        with suppress(
            ResonanceError
        ):  # where it cannot be stored, the lease runs out and a replica takes the job up again
            await writer.now(lambda job: job.moved(state=JobState.FAILED, error=fault))

    async def _give_back(self, writer: LeaseWriter) -> None:
        """Frees the lease when this process stops, so that the next owner need not wait for it to run out."""
        with suppress(ResonanceError):
            await writer.release()

    async def _clean_up_after(self, job: Job) -> None:
        """Removes the uploads of a finished job, and the taste of a job that was cancelled too late.

        The files of a job that can be retried are kept; the sweep removes them after a day.
        """
        try:
            after = await self._jobs.find(job.job_id)
            if after is None or after.state == JobState.CANCELLED:
                await self._extractor.delete_taste(job.job_id)
            if after is None or (after.state.is_final and not after.can_be_retried):
                await remove_uploads(self._store, job)
        except ResonanceError as failure:
            _log.warning("left for the sweep", job=job.job_id, why=failure.message)


def _build_retry(old: Job, now_ms: int) -> Job:
    """The job that continues. Its id is derived from the old one's, so that retrying twice makes one."""
    return Job(
        job_id=derive_job_id(f"retry:{old.job_id}", old.owner),
        owner=old.owner,
        request_digest=canonical_digest({"retry": old.job_id}),
        created_ms=now_ms,
        updated_ms=now_ms,
        title=old.title,
        source_url=old.source_url,
        uploads=old.uploads,
        options=old.options,
        tracks=old.tracks_for_retry(),
        notice=old.notice,
    )
