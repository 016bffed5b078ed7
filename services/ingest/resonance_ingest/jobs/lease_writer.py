"""How a running job tells the world: changes at once or soon, and a heartbeat while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from resonance.errors import NotFound, Unavailable
from resonance_ingest.jobs.job import Job, Lease
from resonance_ingest.jobs.job_store import JobStore, LeaseLost

FLUSH_S = 0.5
Change = Callable[[Job], Job]
_log = structlog.get_logger("ingest")


class LeaseWriter:
    """The one writer of a job that is being worked on, under one lease.

    `now` writes a change and returns when it is stored; `soon` lets changes gather for half a second, because hundreds
    of clips would be hundreds of synced writes. `keep` must run beside the work: it writes what has gathered, and beats.
    """

    def __init__(self, jobs: JobStore, job: Job, *, heartbeat_s: float) -> None:
        assert job.lease is not None, "only an owner keeps a lease_writer"
        self.job = job
        self._jobs = jobs
        self._lease: Lease = job.lease
        self._waiting: list[Change] = []
        self._writing = asyncio.Lock()
        self._beat_s = heartbeat_s

    async def now(self, change: Change) -> Job:
        """Stores a change, after all that was waiting. Raises LeaseLost where the job is not ours any more."""
        self._waiting.append(change)
        await self._flush()
        return self.job

    def soon(self, change: Change) -> None:
        """Stores a change with the next write."""
        self._waiting.append(change)

    async def release(self) -> None:
        """Gives the lease back, for whoever takes the job up next."""
        async with self._writing:
            free = replace(self._lease, owner="")
            await self._jobs.change(
                self.job.job_id,
                lambda job: replace(job, lease=free, returns=job.returns + 1),
                token=self._lease.token,
            )

    async def keep(self) -> None:
        """Writes and beats until the lease is lost, and raises then. A store that is down for a while is waited for."""
        clock = asyncio.get_running_loop().time
        beaten_s = clock()
        while True:
            await asyncio.sleep(FLUSH_S)
            if not self._waiting and clock() - beaten_s < self._beat_s:
                continue
            try:
                await self._flush()
                beaten_s = clock()
            except Unavailable as failure:
                _log.warning("the job's state cannot be stored at the moment", job=self.job.job_id, why=failure.message)

    async def _flush(self) -> None:
        async with self._writing:
            changes = self._waiting.copy()
            try:
                self.job = await self._jobs.change(
                    self.job.job_id, lambda job: self._beaten(job, changes), token=self._lease.token
                )
            except NotFound:
                raise LeaseLost(f"job {self.job.job_id} was deleted") from None
            del self._waiting[: len(changes)]

    def _beaten(self, job: Job, changes: list[Change]) -> Job:
        for change in changes:
            job = change(job)
        lease = job.lease or self._lease
        return replace(job, lease=replace(lease, beat=lease.beat + 1))


async def beside(keeper: asyncio.Task[None], work: asyncio.Task[None]) -> None:
    """Waits for the work, or for the keeper to fail; ends both. Raises what the first of them raised."""
    try:
        await asyncio.wait({keeper, work}, return_when=asyncio.FIRST_COMPLETED)
        await (work if work.done() else keeper)
    finally:
        for task in (keeper, work):
            task.cancel()
        for task in (keeper, work):
            with suppress(asyncio.CancelledError, Exception):
                await task
