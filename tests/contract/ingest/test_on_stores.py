"""Ingest jobs on the file store and on real S3."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support import sounds
from support.s3 import open_s3

from resonance.durable import Changes, Engine
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.files import FileStore
from resonance.v1 import ingest_pb2, jobs_pb2
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.jobs.job_writer import JobStopped, JobWriter


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "files":
        return FileStore(tmp_path / "store")
    return open_s3(request.getfixturevalue("s3_settings"))


async def test_a_job_goes_from_files_to_a_taste_and_is_deleted(open_system, store: ObjectStore, tmp_path: Path) -> None:
    async with open_system(store=store) as system:
        files = {f"{kind}.{kind}": sounds.sound_bytes(kind, tmp_path, duration_s=11.0) for kind in ("mp3", "wav")}
        job = await system.done(await system.upload(files, request_id="r"))
        assert job.state == jobs_pb2.JOB_STATE_COMPLETED, job
        assert (await system.upload(files, request_id="r")).job_id == job.job_id
        listed = await system.stub.ListJobs(ingest_pb2.ListJobsRequest())
        assert [each.job_id for each in listed.jobs] == [job.job_id]
        await asyncio.sleep(0.2)
        await system.stub.DeleteJob(ingest_pb2.DeleteJobRequest(job_id=job.job_id))
        assert await system.kept() == []
    for key in [key async for key in store.keys("")]:
        await store.delete(key)


async def test_racing_replicas_store_one_job_and_a_change_of_each_counts(store: ObjectStore) -> None:
    changes = Changes(Engine(Settings()))
    replicas = [JobStore(store, changes) for _ in range(4)]
    job = Job(job_id="t-race", request_digest="d", created_ms=1, updated_ms=1)
    await asyncio.gather(*(replica.add(job) for replica in replicas))
    writers = [JobWriter(replica, "t-race", "extraction") for replica in replicas]
    await asyncio.gather(*(writer.begin() for writer in writers))
    assert (await replicas[0].get("t-race")).attempts == 4
    ends = await asyncio.gather(
        *(writer.now(lambda job: job.moved(progress=0.5)) for writer in writers), return_exceptions=True
    )
    assert sum(isinstance(end, Job) for end in ends) == 1, "the last one that began has the part"
    assert sum(isinstance(end, JobStopped) for end in ends) == 3
    final = await replicas[0].change("t-race", lambda job: job.moved(state=JobState.CANCELLED))
    assert await replicas[1].open_ids() == []
    await replicas[2].delete(final)
    assert [key async for key in store.keys("")] == []
