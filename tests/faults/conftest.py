"""Fixtures of process faults: scripted extractor, ingests as child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.scripted_extract import ScriptedExtract

from resonance.rpc import RpcServer, open_channel
from resonance.v1 import extract_pb2, extract_pb2_grpc, ingest_pb2, ingest_pb2_grpc, jobs_pb2


@dataclass(kw_only=True)
class IngestProcess:
    """`python -m resonance_ingest`, killed at the end of the test."""

    process: subprocess.Popen[bytes]
    address: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def ready(self) -> None:
        for _ in range(300):
            with suppress(grpc.aio.AioRpcError):
                async with open_channel(self.address) as channel:
                    await ingest_pb2_grpc.IngestServiceStub(channel).ListJobs(ingest_pb2.ListJobsRequest())
                    return
            assert self.process.poll() is None, "ingest ended while it started"
            await asyncio.sleep(0.05)
        raise AssertionError("ingest did not start")

    async def job(self, job_id: str) -> jobs_pb2.Job:
        async with open_channel(self.address) as channel:
            request = ingest_pb2.GetJobRequest(job_id=job_id)
            return (await ingest_pb2_grpc.IngestServiceStub(channel).GetJob(request)).job

    async def upload(self, files: dict[str, bytes], **header: Any) -> jobs_pb2.Job:
        def messages() -> Iterator[ingest_pb2.UploadPlaylistRequest]:
            yield ingest_pb2.UploadPlaylistRequest(header=ingest_pb2.UploadHeader(**header))
            for name, data in files.items():
                yield ingest_pb2.UploadPlaylistRequest(track=ingest_pb2.UploadTrack(filename=name))
                for at in range(0, len(data), 500_000):
                    yield ingest_pb2.UploadPlaylistRequest(data=data[at : at + 500_000])

        async with open_channel(self.address) as channel:
            return (await ingest_pb2_grpc.IngestServiceStub(channel).UploadPlaylist(messages())).job


@dataclass(kw_only=True)
class Cluster:
    """One data folder, one extractor, any number of ingests."""

    data_dir: Path
    extract: ScriptedExtract
    extract_address: str
    processes: list[IngestProcess] = field(default_factory=list)

    async def start(self) -> IngestProcess:
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts in milliseconds and runs beside us
            [sys.executable, "-m", "resonance_ingest"],
            env={
                **kept,
                "RESONANCE_GRPC_ADDR": address,
                "RESONANCE_EXTRACT_ADDR": self.extract_address,
                "RESONANCE_DATA_DIR": str(self.data_dir),
            },
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(IngestProcess(process=process, address=address))
        await self.processes[-1].ready()
        return self.processes[-1]

    async def final(self, ingest: IngestProcess, job_id: str, within_s: float = 30.0) -> jobs_pb2.Job:
        """The job when it is final; asserts that its progress never falls."""
        job = await ingest.job(job_id)
        async with asyncio.timeout(within_s):
            while job.state < jobs_pb2.JOB_STATE_COMPLETED:
                await asyncio.sleep(0.05)
                after = await ingest.job(job_id)
                assert (after.progress, after.revision, after.state) >= (job.progress, job.revision, job.state)
                job = after
        return job

    def engine_pids(self) -> list[int]:
        """Servers of the workflow engine with their file in the data folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_text().split("\0")
                if str(self.data_dir / "engine" / "engine.db") in words and not words[0].endswith("sh"):
                    found.append(int(path.parent.name))
        return found

    def kill_engine(self) -> None:
        for pid in self.engine_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def leftovers(self) -> list[Path]:
        """Files of jobs on this disk, and uploads in the store."""
        work = [path for path in (self.data_dir / "ingest" / "work").rglob("*") if path.is_file()]
        uploads = list((self.data_dir / "store" / "objects" / "uploads").rglob("*,1"))
        return [path for path in (*work, *uploads) if path.suffix != ".lock"]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    extract, server = ScriptedExtract(), RpcServer("127.0.0.1:0")
    name = extract_pb2.DESCRIPTOR.services_by_name["ExtractService"].full_name
    server.add(name, lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(extract, inner))
    await server.start()
    opened = Cluster(data_dir=tmp_path / "data", extract=extract, extract_address=server.address)
    yield opened
    for process in opened.processes:
        process.kill()
    await server.stop(0)
