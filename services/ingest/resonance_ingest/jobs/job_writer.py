"""Job writer: changes of one activity, immediate or batched, refused once another activity has its part."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from resonance.errors import FailedPrecondition, NotFound, ResonanceError, Unavailable
from resonance.ids import new_request_id
from resonance_ingest.jobs.job import Job
from resonance_ingest.jobs.job_store import JobStore

FLUSH_S = 0.5
CRASHES_MAX = 20  # a job that crashes its processes is given up after so many
Change = Callable[[Job], Job]
Report = Callable[[str], None]
_log = structlog.get_logger("ingest")


class JobStopped(ResonanceError):
    """The job is final or gone, or another activity has taken its part over: this one must stop, and writes nothing more."""

    default_reason = "JOB_STOPPED"


class JobWriter:
    """The one writer of a part of a job, such as a track. The last activity that began a part has it.

    An activity that was stopped for long, and comes back after another one took its part over, is refused at its next write.
    `now` stores a change before it returns; `soon` batches changes for half a second, because hundreds of clips would be
    hundreds of synced writes. `report` is told the revision that was stored, for watchers in other processes.
    """

    def __init__(self, jobs: JobStore, job_id: str, part: str, *, report: Report = lambda _: None) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._part = part
        self._report = report
        self._worker = new_request_id()
        self._waiting: list[Change] = []
        self._writing = asyncio.Lock()
        self._job: Job | None = None

    @property
    def job(self) -> Job:
        """The job as it was stored last."""
        assert self._job is not None, "the part is begun first"
        return self._job

    async def begin(self, change: Change = lambda job: job) -> Job:
        """Takes the part, with a first change.

        Raises:
            JobStopped: the job is final or gone.
            FailedPrecondition: its activities crashed too often (TOO_MANY_ATTEMPTS).
        """

        def begun(job: Job) -> Job:
            if job.state.is_final:
                raise _ended(job)
            if job.attempts - job.returns > CRASHES_MAX:
                message = "The work was cut short too many times. Try again with other files."
                raise FailedPrecondition(message, reason="TOO_MANY_ATTEMPTS")
            workers = {**job.workers, self._part: self._worker}
            return replace(change(job), workers=workers, attempts=job.attempts + 1)

        return await self._change(begun)

    async def now(self, change: Change) -> Job:
        """Stores a change, after all batched ones. Raises JobStopped."""
        self._waiting.append(change)
        await self._flush()
        return self.job

    def soon(self, change: Change) -> None:
        """Stores a change with the next write."""
        self._waiting.append(change)

    async def run(self, work: Awaitable[Any]) -> None:
        """Does the work while batches are stored beside it. Raises JobStopped where the part was taken over or the job ended."""
        working, keeping = asyncio.ensure_future(work), asyncio.create_task(self._keep())
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            await (working if working.done() else keeping)
        finally:
            for task in (working, keeping):
                task.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)
            with suppress(ResonanceError):  # it counts as a crash then, which only a job of many crashes notices
                await self._jobs.change(self._job_id, _returned)

    async def _keep(self) -> None:
        """Stores batches, for ever. It outlasts outages of the store."""
        while True:
            await asyncio.sleep(FLUSH_S)
            if not self._waiting:
                continue
            try:
                await self._flush()
            except Unavailable as failure:
                _log.warning("the job's state cannot be stored at the moment", job=self._job_id, why=failure.message)

    async def _flush(self) -> None:
        async with self._writing:
            changes = self._waiting.copy()

            def apply(job: Job) -> Job:
                if job.state.is_final:
                    raise _ended(job)
                if job.workers.get(self._part) != self._worker:
                    raise JobStopped(f"another activity works on part {self._part} of job {job.job_id}")
                for change in changes:
                    job = change(job)
                return job

            await self._change(apply)
            del self._waiting[: len(changes)]

    async def _change(self, change: Change) -> Job:
        try:
            self._job = await self._jobs.change(self._job_id, change)
        except NotFound:
            raise JobStopped(f"job {self._job_id} is gone") from None
        self._report(str(self._job.revision))
        return self._job


def _returned(job: Job) -> Job:
    return job if job.state.is_final else replace(job, returns=job.returns + 1)


def _ended(job: Job) -> JobStopped:
    return JobStopped(f"job {job.job_id} is {job.state.lower()}")
