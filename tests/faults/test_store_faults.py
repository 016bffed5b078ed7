"""Store faults at every call: completion or refusal, successful retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support import robust, sounds
from support.engine_server import engine_url, open_namespace, own_engine  # noqa: F401  (fixtures)
from support.faulty_store import FaultKind, FaultyStore

from resonance.durable import Changes, Engine
from resonance.errors import ResonanceError
from resonance.settings import Settings
from resonance.store import MemoryStore, ObjectStore
from resonance.workspace import Workspace
from resonance_ingest.activities import worker_plans
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.jobs.job_writer import CRASHES_MAX, JobWriter
from resonance_ingest.pipeline.clips import ClipShape
from resonance_ingest.pipeline.making import TasteMaking
from resonance_ingest.pipeline.playlist_jobs import PlaylistJobs
from resonance_ingest.sources.incoming_files import IncomingFiles
from resonance_ingest.sweep import Sweeper

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


@asynccontextmanager
async def working(store: ObjectStore, settings: Settings) -> AsyncIterator[tuple[JobStore, PlaylistJobs]]:
    """A process that works on playlists until the context ends."""
    workspace, engine = await asyncio.to_thread(Workspace, settings.data_dir / "ingest" / "work"), Engine(settings)
    jobs, extractor = JobStore(store, Changes(engine)), QuickExtractor()
    making = TasteMaking(jobs, store, extractor, workspace, settings)
    playlists = PlaylistJobs(jobs, store, extractor, making, engine, settings)
    sweeper = Sweeper(store, jobs, settings)
    engine.serve(lambda: worker_plans(making, sweeper, settings), playlists.submit_open, playlists.has_open)
    try:
        yield jobs, playlists
    finally:
        await engine.close()
        workspace.close()


async def attempt(store: ObjectStore, settings: Settings, data: bytes) -> Job:
    """Uploads a file as one client and waits until its job is final."""
    async with working(store, settings) as (jobs, playlists), asyncio.timeout(60):
        async with IncomingFiles(store, settings, "t-1") as files:
            await files.open("song.wav")
            await files.write(data)
            uploads = await files.finish()
            job = Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1, uploads=uploads)
            files.keep()
            await playlists.submit(job)
        return await final(jobs)


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
async def test_a_sample_of_store_calls_fail_and_the_job_is_never_half(
    kind: FaultKind,
    tmp_path: Path,
    engine_url: str,  # noqa: F811
) -> None:
    for first in range(list(FaultKind).index(kind), CALLS, 6):
        await fail_at(first, 1, kind, tmp_path, engine_url)


@robust
@pytest.mark.parametrize("kind", FaultKind)
async def test_every_store_call_in_turn_fails_and_the_job_is_never_half(
    kind: FaultKind,
    tmp_path: Path,
    engine_url: str,  # noqa: F811
) -> None:
    for first in range(CALLS):
        await fail_at(first, 1, kind, tmp_path, engine_url)


@robust
async def test_a_job_outlasts_an_outage_of_the_store(tmp_path: Path, engine_url: str) -> None:  # noqa: F811
    for first in range(0, CALLS, 8):
        await fail_at(first, 10, FaultKind.BEFORE, tmp_path, engine_url)


async def fail_at(first: int, count: int, kind: FaultKind, tmp_path: Path, engine_url: str) -> None:  # noqa: F811
    data = sounds.write_float_wav(tmp_path / "a.wav", sounds.tone(1.5, 8_000), rate_hz=8_000).read_bytes()
    store, folder = FaultyStore(MemoryStore(), first=first, kind=kind, count=count), tmp_path / f"{first}-{kind}"
    settings = Settings(data_dir=folder, engine=await open_namespace(engine_url))
    for _ in range(count + 1):
        try:
            job = await attempt(store, settings, data)
            break
        except ResonanceError as refused:
            if refused.reason not in REASONS:
                raise
    assert job.state in (JobState.COMPLETED, JobState.FAILED), (first, kind)
    if job.state is JobState.FAILED:
        assert job.error is not None
        assert job.error.reason in REASONS, (first, kind, job.error)
    assert [path for path in folder.rglob("*") if path.is_file()] == [], (first, kind)


async def test_a_job_that_crashes_its_owners_is_given_up(tmp_path: Path, own_engine: str) -> None:  # noqa: F811
    store = MemoryStore()
    async with working(store, Settings(data_dir=tmp_path, engine=own_engine)) as (jobs, playlists):
        lost = Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1, source_url="http://x.example")
        await jobs.add(lost)
        for _ in range(CRASHES_MAX + 1):
            await JobWriter(jobs, "t-1", "list").begin()  # and its process dies
        await playlists.submit_open()
        async with asyncio.timeout(20):
            job = await final(jobs)
    assert job.error is not None
    assert job.error.reason == "TOO_MANY_ATTEMPTS"
