"""Lease writer: immediate or batched job changes, and heartbeat."""

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

    `now` stores a change before it returns; `soon` batches changes for half a second, because hundreds of clips would be
    hundreds of synced writes. `keep` must run beside the work: it stores the batches and the heartbeats.
    """

    def __init__(self, jobs: JobStore, job: Job, *, heartbeat_s: float) -> None:
        assert job.lease is not None, "only an owner writes"
        self.job = job
        self._jobs = jobs
        self._lease: Lease = job.lease
        self._waiting: list[Change] = []
        self._writing = asyncio.Lock()
        self._heartbeat_s = heartbeat_s

    async def now(self, change: Change) -> Job:
        """Stores a change, after all batched ones. Raises LeaseLost where another owner has the job."""
        self._waiting.append(change)
        await self._flush()
        return self.job

    def soon(self, change: Change) -> None:
        """Stores a change with the next write."""
        self._waiting.append(change)

    async def release(self) -> None:
        """Gives the lease back, so that another owner need not wait for it to run out."""
        async with self._writing:
            free = replace(self._lease, owner="")
            await self._jobs.change(
                self.job.job_id,
                lambda job: replace(job, lease=free, returns=job.returns + 1),
                token=self._lease.token,
            )

    async def keep(self) -> None:
        """Stores batches and heartbeats until the lease is lost, and raises LeaseLost then. It outlasts outages of the store."""
        clock = asyncio.get_running_loop().time
        last_heartbeat_s = clock()
        while True:
            await asyncio.sleep(FLUSH_S)
            if not self._waiting and clock() - last_heartbeat_s < self._heartbeat_s:
                continue
            try:
                await self._flush()
                last_heartbeat_s = clock()
            except Unavailable as failure:
                _log.warning("the job's state cannot be stored at the moment", job=self.job.job_id, why=failure.message)

    async def _flush(self) -> None:
        async with self._writing:
            changes = self._waiting.copy()
            try:
                self.job = await self._jobs.change(
                    self.job.job_id, lambda job: self._apply(job, changes), token=self._lease.token
                )
            except NotFound:
                raise LeaseLost(f"job {self.job.job_id} was deleted") from None
            del self._waiting[: len(changes)]

    def _apply(self, job: Job, changes: list[Change]) -> Job:
        for change in changes:
            job = change(job)
        lease = job.lease or self._lease
        return replace(job, lease=replace(lease, heartbeat=lease.heartbeat + 1))


async def beside(keeper: asyncio.Task[None], work: asyncio.Task[None]) -> None:
    """Waits until the work ends or the keeper fails, and ends both. Raises what the first of them raised."""
    try:
        await asyncio.wait({keeper, work}, return_when=asyncio.FIRST_COMPLETED)
        await (work if work.done() else keeper)
    finally:
        for task in (keeper, work):
            task.cancel()
        for task in (keeper, work):
            with suppress(asyncio.CancelledError, Exception):
                await task
