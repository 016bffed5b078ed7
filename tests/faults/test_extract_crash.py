"""Extractor crash within a track: restart resumes at the clip.

The extractor is a process with a real model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import robust, sounds
from support.extract_process import ExtractProcess

from resonance.v1 import jobs_pb2

pytestmark = [robust, pytest.mark.timeout(900)]


@pytest.fixture
def extractor(tiny_folder: Path, tmp_path: Path) -> Iterator[ExtractProcess]:
    process = ExtractProcess(tiny_folder, tmp_path / "data", adoption="off")
    process.start()
    yield process
    process.kill()


async def test_a_restarted_extractor_resumes_at_the_clip(cluster, extractor: ExtractProcess, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    await extractor.ready()
    cluster.extract_address = extractor.address
    ingest = await cluster.start()
    files = {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, duration_s=130.0, pitch_hz=250.0 * n) for n in (1, 2)}
    job = await ingest.upload(files)
    for _ in range(2):
        before = count_done(await ingest.job(job.job_id))
        async with asyncio.timeout(90):
            while count_done(job) < before + 2 and job.state < jobs_pb2.JOB_STATE_COMPLETED:
                await asyncio.sleep(0.05)
                job = await ingest.job(job.job_id)
        if job.state >= jobs_pb2.JOB_STATE_COMPLETED:
            break
        extractor.kill()
        kept = len(list((cluster.data_dir / "store" / "objects" / "clips").rglob("*,1")))
        whole = len(list((cluster.data_dir / "store" / "objects" / "tracks").rglob("*,1")))
        assert kept + 16 * whole >= count_done(job), "clips that were reported as done are kept"
        extractor.start()
        await extractor.ready()
    done = await cluster.final(ingest, job.job_id, within_s=120.0)
    assert done.state == jobs_pb2.JOB_STATE_COMPLETED, done.error
    assert not list((cluster.data_dir / "store" / "objects" / "clips").rglob("*,1"))


def count_done(job: jobs_pb2.Job) -> int:
    return sum(track.clips_done for track in job.tracks)
