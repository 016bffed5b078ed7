"""Extractor crash within a track: restart resumes at the clip.

The extractor is a process with a real model.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support import robust, sounds

from resonance.rpc import open_channel
from resonance.v1 import extract_pb2, extract_pb2_grpc, jobs_pb2

pytestmark = [robust, pytest.mark.timeout(900)]


class ExtractProcess:
    """`python -m resonance_extract` at one address, killed and started again."""

    def __init__(self, model: Path, data_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
        self._environment = {
            **kept,
            "RESONANCE_GRPC_ADDR": self.address,
            "RESONANCE_DATA_DIR": str(data_dir),
            "RESONANCE_MODEL": str(model),
            "RESONANCE_ADOPTION": "off",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "resonance_extract"]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def ready(self) -> None:
        async with asyncio.timeout(90), open_channel(self.address) as channel:
            while True:
                try:
                    stub = extract_pb2_grpc.ExtractServiceStub(channel)
                    await stub.GetExtractor(extract_pb2.GetExtractorRequest(), timeout=2)
                    return
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.2)


@pytest.fixture
def extractor(tiny_folder: Path, tmp_path: Path) -> Iterator[ExtractProcess]:
    process = ExtractProcess(tiny_folder, tmp_path / "data")
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
