"""S3 outage: calls fail in time, accepted jobs continue afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.s3 import S3Server, open_s3, running_s3

from resonance.durable import Changes, Engine
from resonance.errors import Unavailable
from resonance.settings import Settings
from resonance_ingest.jobs.job import Job, JobState
from resonance_ingest.jobs.job_store import JobStore


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[tuple[S3Server, int]]:
    """An S3 server for this test, which stops it."""
    with running_s3(tmp_path) as (server, pid):
        yield server, pid


@pytest.mark.slow
async def test_jobs_outlast_a_stopped_store(own_s3: tuple[S3Server, int]) -> None:
    server, pid = own_s3
    store = open_s3(server.settings_for_new_bucket(), read_s_max=0.5)
    jobs = JobStore(store, Changes(Engine(Settings())))
    await jobs.add(Job(job_id="t-1", request_digest="d", created_ms=1, updated_ms=1))
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await jobs.get("t-1")
            with pytest.raises(Unavailable):
                await jobs.change("t-1", lambda job: job.moved(progress=0.5))
    finally:
        os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(1.0)
    assert (await jobs.change("t-1", lambda job: job.moved(state=JobState.COMPLETED))).state == JobState.COMPLETED
    await store.close()
