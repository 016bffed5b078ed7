"""The sweep removes what nobody can want any more, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_ingest.job_store import JobStore
from resonance_ingest.jobs import Job, JobState, Upload
from resonance_ingest.sweep import Sweeper

DAY_S = 86_400


@dataclass
class World:
    """A store with a clock of its own."""

    store: MemoryStore
    now_s: int = 100 * DAY_S

    def __post_init__(self) -> None:
        self.jobs = JobStore(self.store, clock_ms=lambda: self.now_s * 1000)
        self.sweeper = Sweeper(self.store, self.jobs, Settings(job_retention_s=30.0 * DAY_S))

    async def keys(self, prefix: str) -> list[str]:
        return [key async for key in self.store.keys(prefix)]

    async def add_job(self, job_id: str, upload_id: str = "", state: JobState = JobState.QUEUED) -> Job:
        upload = Upload(filename="a", upload_id=upload_id, number=0, part_count=1, byte_count=1, sha256="0")
        stamp = self.now_s * 1000
        job = Job(job_id=job_id, request_digest="d", created_ms=stamp, updated_ms=stamp, uploads=(upload,))
        await self.jobs.add(job)
        return await self.jobs.change(job_id, lambda job: job.moved(state=state))


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


async def test_an_upload_that_no_open_job_wants_is_removed_after_a_day(world: World) -> None:
    old, young, wanted = (f"{world.now_s - age_s:011d}-x" for age_s in (2 * DAY_S, 3600, 3 * DAY_S))
    for upload_id in (old, young, wanted):
        await world.store.put(f"uploads/{upload_id}/00/00000", b"part")
    await world.add_job("t-1", wanted)
    await world.sweeper.sweep()
    assert await world.keys("uploads/") == sorted(f"uploads/{each}/00/00000" for each in (young, wanted))


async def test_markers_without_a_job_are_removed_after_a_day(world: World) -> None:
    await world.add_job("t-1")
    await world.add_job("t-2")
    await world.store.delete("jobs/t-2")
    await world.sweeper.sweep()
    assert len(await world.keys("job-")) == 4
    world.now_s += 2 * DAY_S
    await world.sweeper.sweep()
    assert [key.rpartition("-t-")[2] for key in await world.keys("job-")] == ["1", "1"]


async def test_jobs_without_a_taste_are_forgotten_after_their_time(world: World) -> None:
    for job_id, state in (("t-1", JobState.FAILED), ("t-2", JobState.COMPLETED), ("t-3", JobState.CANCELLED)):
        await world.add_job(job_id, state=state)
    world.now_s += 29 * DAY_S
    await world.sweeper.sweep()
    assert len(await world.keys("jobs/")) == 3
    world.now_s += 2 * DAY_S
    await world.sweeper.sweep()
    assert await world.keys("jobs/") == ["jobs/t-2"]
    assert len(await world.keys("job-list/")) == 1
