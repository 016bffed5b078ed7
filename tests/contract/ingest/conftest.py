"""Fixtures: ingest and a scripted extractor behind real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.engine_server import engine_url, own_engine  # noqa: F401  (fixtures)
from support.polling import eventually
from support.scripted_extract import ScriptedExtract

from resonance.durable import Engine
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore, ObjectStore
from resonance.v1 import extract_pb2, extract_pb2_grpc, ingest_pb2, ingest_pb2_grpc, jobs_pb2
from resonance_ingest.build import open_ingest
from resonance_ingest.pipeline.playlist_jobs import PlaylistJobs


@dataclass(kw_only=True)
class System:
    """A running ingest with its stub, extractor, store and settings."""

    stub: Any
    extract: ScriptedExtract
    store: ObjectStore
    settings: Settings
    playlists: PlaylistJobs
    engine: Engine

    async def upload(self, files: dict[str, bytes], **header: Any) -> jobs_pb2.Job:
        return (await self.stub.UploadPlaylist(upload_messages(files, **header))).job

    async def submit(self, url: str, **fields: Any) -> jobs_pb2.Job:
        return (await self.stub.SubmitPlaylist(ingest_pb2.SubmitPlaylistRequest(url=url, **fields))).job

    async def watch(self, job_id: str) -> list[jobs_pb2.Job]:
        """All states of a job that a watcher gets until the end."""
        watched = self.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job_id))
        return [each.job async for each in watched if not each.is_unchanged]

    async def done(self, job: jobs_pb2.Job) -> jobs_pb2.Job:
        """The job when it is final."""
        return (await self.watch(job.job_id))[-1]

    async def kept(self) -> list[str]:
        """All keys in the store, without the decode cache."""
        return [key async for key in self.store.keys("") if not key.startswith("sounds/")]

    def leftovers(self) -> list[Path]:
        """Files below the data folder that belong to a job."""
        work = self.settings.data_dir / "ingest" / "work"
        return [path for path in work.rglob("*") if path.is_file() and path.suffix != ".lock"]

    async def tidied_up(self) -> None:
        """Returns once no file of a job is left: a job is told as final before its folder is removed."""
        await eventually(lambda: self.leftovers() == [])


def upload_messages(files: dict[str, bytes], **header: Any) -> Iterable[ingest_pb2.UploadPlaylistRequest]:
    yield ingest_pb2.UploadPlaylistRequest(header=ingest_pb2.UploadHeader(**header))
    for name, data in files.items():
        yield ingest_pb2.UploadPlaylistRequest(track=ingest_pb2.UploadTrack(filename=name))
        for at in range(0, len(data), 300_000):
            yield ingest_pb2.UploadPlaylistRequest(data=data[at : at + 300_000])


OpenSystem = Callable[..., AbstractAsyncContextManager[System]]


@pytest.fixture
def open_system(tmp_path: Path, own_engine: str) -> OpenSystem:  # noqa: F811
    """Opens an ingest with other settings, another extractor or another store than the usual ones."""

    @asynccontextmanager
    async def open_one(
        *, extract: ScriptedExtract | None = None, store: ObjectStore | None = None, **settings: Any
    ) -> AsyncIterator[System]:
        extract, store = extract or ScriptedExtract(), store or MemoryStore()
        async with serving_extract(extract) as address:
            chosen = Settings(
                **{"data_dir": tmp_path / "data", "extract_addr": address, "engine": own_engine, **settings}
            )
            async with open_ingest(chosen, store) as ingest:
                server = RpcServer("127.0.0.1:0")
                ingest.add_to(server)
                await server.start()
                async with open_channel(server.address) as channel:
                    stub = ingest_pb2_grpc.IngestServiceStub(channel)
                    yield System(
                        stub=stub,
                        extract=extract,
                        store=store,
                        settings=chosen,
                        playlists=ingest.playlists,
                        engine=ingest.engine,
                    )
                await server.stop(0)

    return open_one


@pytest.fixture
async def system(open_system: OpenSystem) -> AsyncIterator[System]:
    async with open_system() as opened:
        yield opened
    await opened.tidied_up()


@asynccontextmanager
async def serving_extract(extract: ScriptedExtract, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serves the extractor; its address."""
    server = RpcServer(address)
    name = extract_pb2.DESCRIPTOR.services_by_name["ExtractService"].full_name
    server.add(name, lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(extract, inner))
    await server.start()
    yield server.address
    await server.stop(0)
