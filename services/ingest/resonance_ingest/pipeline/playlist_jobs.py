"""Playlist jobs: accepted, cancelled, retried and deleted for callers; the engine works on them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from resonance.durable import Engine
from resonance.errors import FailedPrecondition, Overloaded, ResonanceError, Unavailable
from resonance.identity import acting_as, current_owner
from resonance.ids import canonical_digest, derive_job_id
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore, OpenMarker, same_request
from resonance_ingest.pipeline.extractor import Extractor
from resonance_ingest.pipeline.making import TasteMaking
from resonance_ingest.sources.uploads import has_uploads, remove_uploads
from resonance_ingest.work import build_work

_TYPICAL_JOB_S = 30.0
_ENDS_WITHIN_S = 5.0
_HOUR_MS = 3_600_000
_log = structlog.get_logger("ingest")


class PlaylistJobs:
    """Keeps at most `jobs_running_max + jobs_queued_max` open jobs, and of one owner `jobs_owner_max`."""

    def __init__(
        self,
        jobs: JobStore,
        store: ObjectStore,
        extractor: Extractor,
        making: TasteMaking,
        engine: Engine,
        settings: Settings,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._extractor = extractor
        self._making = making
        self._engine = engine
        self._settings = settings
        self._admission = asyncio.Lock()

    async def submit(self, job: Job) -> Job:
        """Accepts a job, or finds the one that the same request made before.

        A job that is accepted is never lost: while the engine is away its marker stands, and it is submitted when the engine is back.

        Raises:
            Conflict: the request id was used for another request.
            Overloaded: every place is taken.
            Unsupported: there is no workflow engine (NO_ENGINE).
        """
        async with self._admission:
            there = await self._jobs.find(job.job_id)
            if there is not None:
                accepted = same_request(there, job.request_digest)
            else:
                self._engine.check()
                await self.check_room()
                accepted = await self._jobs.add(job)
        if not accepted.state.is_final:
            await self._hand_over(accepted)
        return accepted

    async def check_room(self) -> None:
        """Raises Overloaded, with an estimate of when to try again, where the queue or the owner's share of it is full."""
        markers = await self._jobs.open_markers()
        if self._find_refusal(markers):  # a marker without a document takes no place: documents are counted only here
            markers = await self._jobs.taking_places()
        if refusal := self._find_refusal(markers):
            raise refusal
        if (limit := self._settings.jobs_owner_hour_max) and (
            await self._jobs.begun_since(self._jobs.now_ms() - _HOUR_MS) >= limit
        ):
            message = f"{limit} playlists were begun within an hour; try again later"
            raise Overloaded(message, reason="TOO_MANY_JOBS", retry_after_s=600.0)

    def _find_refusal(self, markers: list[OpenMarker]) -> Overloaded | None:
        places = self._settings.jobs_running_max + self._settings.jobs_queued_max
        own = sum(marker.owner == current_owner() for marker in markers)
        if len(markers) < places and own < self._settings.jobs_owner_max:
            return None
        waiting = len(markers) if len(markers) >= places else own
        retry_after_s = max(1.0, _TYPICAL_JOB_S / self._settings.jobs_running_max)
        message = f"{waiting} playlists are being worked on or waiting; try again in about {retry_after_s:.0f} s"
        return Overloaded(message, reason="TOO_MANY_JOBS", retry_after_s=retry_after_s)

    async def cancel(self, job_id: str) -> Job:
        """Stops a job and waits until it has ended. A final job is left as it is.

        Raises:
            NotFound: there is no such job.
            Unavailable: the engine is away, or a step is still ending elsewhere. The job is cancelled all the same.
        """
        before = await self._jobs.get(job_id)
        if before.state.is_final:
            return before
        job = await self._jobs.change(job_id, lambda job: job.moved(state=JobState.CANCELLED))
        if job.state != JobState.CANCELLED:
            return job
        # What this process does for the job ends at once. Where another process may extract its taste, the engine says when that has ended.
        was_here = await self._making.stop(job_id)
        is_elsewhere = not was_here and JobState.EXTRACTING.or_later(before.state) == before.state
        has_ended = await self._engine.cancel(job_id, wait_s=_ENDS_WITHIN_S if is_elsewhere else 0.0)
        if is_elsewhere and not has_ended:
            message = "the playlist is cancelled, and its last step is still ending; ask again"
            raise Unavailable(message, reason="STILL_ENDING", retry_after_s=1.0)
        try:
            await self._making.clean_up(job_id)
        except ResonanceError as failure:
            _log.warning("left for the sweep", job=job_id, why=failure.message)
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

    async def has_open(self) -> bool:
        """True where a job of any owner is open."""
        return bool(await self._jobs.open_markers())

    async def submit_open(self) -> None:
        """Submits every open job to the engine again; those that the engine still knows are only told of it."""
        for marker in await self._jobs.open_markers():
            if (job := await self._jobs.find_open(marker)) is not None:
                with acting_as(marker.owner):
                    await self._engine.submit(build_work(job))

    async def _hand_over(self, job: Job) -> None:
        """Submits the job; where the engine is away, that is tried again in the background."""
        try:
            await self._engine.submit(build_work(job))
        except Unavailable as failure:
            _log.warning("a playlist waits for the workflow engine", job=job.job_id, why=failure.message)
            self._engine.resume_later()


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
