"""Ingest sweep: abandoned uploads, failed jobs, dangling markers, expired links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from resonance.api_keys import ApiKeys
from resonance.erasure import Erasure
from resonance.errors import ResonanceError
from resonance.identity import acting_as, current_owner
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import UPLOADS
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.shares import ShareLinks
from resonance_ingest.sources.upload_sessions import remove_upload, upload_started_s

EVERY_S = 3600.0
# Wall clocks decide here, and those of replicas differ. A day is longer than any difference and any upload.
_ABANDONED_S = 24 * 3600.0
_log = structlog.get_logger("ingest")


class Sweeper:
    """Sweeps uploads and jobs. Running it twice, or on every replica, does no harm.

    The engine runs it once an hour, on one replica (`SweepObjects`). Where no engine is started, this process does.
    """

    def __init__(
        self,
        store: ObjectStore,
        jobs: JobStore,
        settings: Settings,
        shares: ShareLinks | None = None,
        *,
        submit_open: Callable[[], Awaitable[None]] | None = None,
        erasure: Erasure | None = None,
    ) -> None:
        """`submit_open` submits open jobs, of which a process may have died before it did; `erasure` goes on with deleted owners."""
        self._shares = shares or ShareLinks(store, jobs.now_ms)
        self._keys = ApiKeys(store)
        self._store = store
        self._jobs = jobs
        self._submit_open = submit_open
        self._erasure = erasure
        self._retention_s = settings.job_retention_s

    async def run(self, while_true: Callable[[], bool] = lambda: True) -> None:
        """Sweeps now and every hour until cancelled, while the condition holds."""
        while True:
            if while_true():
                await _run_step(self.sweep())
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """One round through the objects of the installation and of each owner.

        A step that meets an unreadable object is logged and repeated in the next round; the others go on.
        """
        for owner in ("", *await self._keys.owners()):
            with acting_as(owner):
                await _run_step(self._sweep_jobs())  # first: queued jobs keep their uploads
                await _run_step(self._remove_abandoned_uploads())
                await _run_step(self._jobs.drop_dangling_markers(older_than_ms=self._before(_ABANDONED_S)))
        await _run_step(self._shares.forget_expired())
        if self._erasure is not None:
            await _run_step(self._erasure.sweep())
        if self._submit_open is not None and await self._jobs.open_markers():
            await _run_step(self._submit_open())

    async def _remove_abandoned_uploads(self) -> None:
        """Removes uploads that no open job uses: cut ones, and those of jobs that ended during an outage of the store."""
        found = {key.split("/")[1] async for key in self._store.keys(UPLOADS)}
        old = {each for each in found if upload_started_s(each) * 1000 < self._before(_ABANDONED_S)}
        if not old:
            return
        for marker in await self._jobs.open_markers():
            if marker.owner != current_owner():
                continue
            job = await self._jobs.find_readable(marker.job_id)
            old -= {upload.upload_id for upload in job.uploads} if job else set()
        async for job in self._jobs.all():
            if job.state.is_final and old & {upload.upload_id for upload in job.uploads}:
                await self._jobs.change(job.job_id, Job.without_files)  # first, so that no retry counts on them
        for upload_id in sorted(old):
            _log.info("removing an abandoned upload", upload=upload_id)
            await remove_upload(self._store, upload_id)

    async def _sweep_jobs(self) -> None:
        queued = set(await self._jobs.open_ids())
        async for job in self._jobs.all():
            if job.state in (JobState.FAILED, JobState.CANCELLED):
                await self._forget_when_old(job)
            elif not job.state.is_final and job.job_id not in queued:
                _log.warning("putting a job back into the queue", job=job.job_id)
                await self._jobs.mark_open(job)

    async def _forget_when_old(self, job: Job) -> None:
        """Removes a job without a taste long after its end. A job with a taste stays until a caller deletes it."""
        if job.updated_ms < self._before(self._retention_s):
            _log.info("forgetting a job that ended without a taste", job=job.job_id)
            await self._jobs.delete(job)

    def _before(self, seconds: float) -> float:
        return self._jobs.now_ms() - seconds * 1000


async def _run_step(step: Awaitable[None]) -> None:
    """Runs a step and logs its failure, so that no unreadable object ends the sweep."""
    try:
        await step
    except ResonanceError as failure:
        _log.warning("cannot sweep at the moment", why=failure.message)
    except Exception:
        _log.exception("unexpected error")
