"""Store faults at every call: completion or refusal, successful retry."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support import robust, sounds
from support.faulty_store import FaultKind, FaultyStore

from resonance.errors import ResonanceError
from resonance.settings import Settings
from resonance.store import MemoryStore, ObjectStore
from resonance.workspace import Workspace
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.pipeline.clips import ClipShape
from resonance_ingest.pipeline.runner import Runner
from resonance_ingest.sources.incoming_files import IncomingFiles

REASONS = ("STORE_UNAVAILABLE", "OBJECT_DAMAGED")


class QuickExtractor:
    """An extractor that needs no clips."""

    def __init__(self) -> None:
        self.tastes: set[str] = set()

    async def shape(self) -> ClipShape:
        return ClipShape(sample_rate_hz=8_000, clip_s=10.0, hop_s=8.0, clip_min_s=1.0)

    async def extract(self, job, tracks, observer) -> dict:  # type: ignore[no-untyped-def, type-arg]
        self.tastes.add(job.job_id)
        return {"taste_id": job.job_id}

    async def delete_taste(self, taste_id: str) -> None:
        self.tastes.discard(taste_id)


async def attempt(store: ObjectStore, data_dir: Path, data: bytes) -> Job:
    """Uploads a file as one client and waits until its job is final."""
    settings = Settings(data_dir=data_dir, job_lease_s=0.6, job_retry_s_max=5.0)
    workspace, jobs = await asyncio.to_thread(Workspace, data_dir / "ingest" / "work"), JobStore(store)
    runner = Runner(jobs, store, QuickExtractor(), workspace, settings)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(20):
            async with IncomingFiles(store, settings, "t-1") as files:
                await files.open("song.wav")
                await files.write(data)
                uploads = await files.finish()
                job = Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1, uploads=uploads)
                files.keep()
                await runner.submit(job)
            return await final(jobs)
    finally:
        running.cancel()
        await asyncio.wait({running})
        workspace.close()


async def final(jobs: JobStore) -> Job:
    while True:
        try:
            async for job in jobs.watch("t-1"):
                if job.state.is_final:
                    return job
        except ResonanceError as failure:
            if failure.reason not in REASONS:
                raise
        await asyncio.sleep(0.01)


CALLS = 45  # calls of a run without faults, with its clean-up


@pytest.mark.parametrize("kind", FaultKind)
async def test_a_sample_of_store_calls_fail_and_the_job_is_never_half(kind: FaultKind, tmp_path: Path) -> None:
    for first in range(list(FaultKind).index(kind), CALLS, 6):
        await fail_at(first, 1, kind, tmp_path)


@robust
@pytest.mark.parametrize("kind", FaultKind)
async def test_every_store_call_in_turn_fails_and_the_job_is_never_half(kind: FaultKind, tmp_path: Path) -> None:
    for first in range(CALLS):
        await fail_at(first, 1, kind, tmp_path)


@robust
async def test_a_job_outlasts_an_outage_of_the_store(tmp_path: Path) -> None:
    for first in range(0, CALLS, 8):
        await fail_at(first, 10, FaultKind.BEFORE, tmp_path)


async def fail_at(first: int, count: int, kind: FaultKind, tmp_path: Path) -> None:
    data = sounds.write_float_wav(tmp_path / "a.wav", sounds.tone(1.5, 8_000), rate_hz=8_000).read_bytes()
    store, folder = FaultyStore(MemoryStore(), first=first, kind=kind, count=count), tmp_path / f"{first}-{kind}"
    for _ in range(count + 1):
        try:
            job = await attempt(store, folder, data)
            break
        except ResonanceError as refused:
            if refused.reason not in REASONS:
                raise
    assert job.state in (JobState.COMPLETED, JobState.FAILED), (first, kind)
    if job.state is JobState.FAILED:
        assert job.error is not None
        assert job.error.reason in REASONS, (first, kind, job.error)
    assert [path for path in folder.rglob("*") if path.is_file()] == [], (first, kind)


async def test_a_job_that_crashes_its_owners_is_given_up(tmp_path: Path) -> None:
    store = MemoryStore()
    jobs = JobStore(store)
    await jobs.add(Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1, source_url="http://x.example"))
    for owner in range(20):
        lease = (await jobs.get("t-1")).lease
        await jobs.claim("t-1", f"dead {owner}", lease)
    workspace = await asyncio.to_thread(Workspace, tmp_path)
    settings = Settings(data_dir=tmp_path, job_lease_s=0.2)
    running = asyncio.create_task(Runner(jobs, store, QuickExtractor(), workspace, settings).run())
    async with asyncio.timeout(20):
        job = await final(jobs)
    running.cancel()
    await asyncio.wait({running})
    workspace.close()
    assert job.error is not None
    assert job.error.reason == "TOO_MANY_ATTEMPTS"
