"""Sweep: unusable objects are removed, and no others."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass

import pytest

from resonance.api_keys import ApiKeys
from resonance.durable import Changes, Engine
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance_ingest.jobs.job import Job, JobState, UploadedFile
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.shares import ShareLink
from resonance_ingest.sweep import Sweeper

DAY_S = 86_400
CHANGES = Changes(Engine(Settings()))


@dataclass
class World:
    """A store with a fake clock."""

    store: MemoryStore
    now_s: int = 100 * DAY_S

    def __post_init__(self) -> None:
        self.jobs = JobStore(self.store, CHANGES, clock_ms=lambda: self.now_s * 1000)
        self.sweeper = Sweeper(self.store, self.jobs, Settings(job_retention_s=30.0 * DAY_S))

    async def keys(self, prefix: str) -> list[str]:
        return [key async for key in self.store.keys(prefix)]

    async def add_job(self, job_id: str, upload_id: str = "", state: JobState = JobState.QUEUED) -> Job:
        upload = UploadedFile(filename="a", upload_id=upload_id, byte_count=1, sha256="0", parts=("part",))
        stamp = self.now_s * 1000
        job = Job(job_id=job_id, request_digest="d", created_ms=stamp, updated_ms=stamp, uploads=(upload,))
        await self.jobs.add(job)
        return await self.jobs.change(job_id, lambda job: job.moved(state=state))


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


async def test_an_upload_that_no_open_job_uses_is_removed_after_a_day(world: World) -> None:
    old, young, wanted = (f"{world.now_s - age_s:011d}-x" for age_s in (2 * DAY_S, 3600, 3 * DAY_S))
    for upload_id in (old, young, wanted):
        await world.store.put(f"uploads/{upload_id}/part", b"part")
    await world.add_job("t-1", wanted)
    await world.sweeper.sweep()
    assert await world.keys("uploads/") == sorted(f"uploads/{each}/part" for each in (young, wanted))


async def test_a_job_whose_kept_files_are_removed_cannot_be_retried_any_more(world: World) -> None:
    upload_id = f"{world.now_s:011d}-x"
    await world.store.put(f"uploads/{upload_id}/part", b"part")
    await world.add_job("t-1", upload_id, state=JobState.FAILED)
    await world.sweeper.sweep()
    assert (await world.jobs.get("t-1")).can_be_retried
    world.now_s += 2 * DAY_S
    await world.sweeper.sweep()
    job = await world.jobs.get("t-1")
    assert (job.could_end_otherwise, job.can_be_retried) == (True, False)
    assert await world.keys("uploads/") == []


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


async def test_the_open_marker_of_a_living_job_stays_for_every_owner() -> None:
    store = OwnedStore(MemoryStore())
    jobs = JobStore(store, CHANGES, clock_ms=lambda: 3 * DAY_S * 1000)
    await jobs.add(Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1))  # from before keys were required
    await ApiKeys(store).issue("Ada")
    before = await jobs.open_markers()
    await Sweeper(store, jobs, Settings()).sweep()
    assert await jobs.open_markers() == before


async def test_a_living_job_that_lost_its_marker_is_put_back_into_the_queue(world: World) -> None:
    job = await world.add_job("t-1")
    await world.add_job("t-2", state=JobState.COMPLETED)
    (marker,) = await world.keys("job-open/")
    await world.store.delete(marker)
    await world.sweeper.sweep()
    assert await world.keys("job-open/") == [marker]
    assert await world.jobs.open_ids() == [job.job_id]


STRANGE = {
    "shares/of-a-later-version": b'{"owner": "", "key": "takes/x", "expires_ms": 9, "kind": "new"}',
    "job-list/strange": b"",
    "jobs/t-9": b"[]",
    "job-list/00000000000001-t-9": b"",
}


@pytest.mark.parametrize("key", STRANGE)
async def test_an_unreadable_object_ends_neither_the_sweeper_nor_its_other_work(world: World, key: str) -> None:
    await world.add_job("t-1", state=JobState.FAILED)
    expired = ShareLink(owner="", key="takes/x", byte_count=1, sha256="0", expires_ms=1)
    await world.store.put("shares/z", json.dumps(asdict(expired)).encode())
    await world.store.put(key, STRANGE[key])
    world.now_s += 31 * DAY_S
    sweeping = asyncio.create_task(world.sweeper.run())
    await asyncio.sleep(0.1)
    assert not sweeping.done()
    sweeping.cancel()
    assert await world.keys("jobs/t-1") == []
    assert await world.keys("shares/z") == []
