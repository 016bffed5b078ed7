"""Fixtures: the video service on a real engine, with plain scenes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.filming import TAKE_ID, PlainScenes, plain_assembly, plain_song_map, serving_takes
from support.polling import eventually

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore, ObjectStore
from resonance.v1 import ingest_pb2_grpc, video_pb2, video_pb2_grpc
from resonance_ingest.build import open_ingest
from resonance_video.build import Video, open_video


@dataclass(kw_only=True)
class Studio:
    """A running video service with its stub, store and provider."""

    stub: Any
    ingest: Any
    video: Video
    store: ObjectStore
    scenes: PlainScenes
    settings: Settings
    address: str

    async def create(self, **fields: Any) -> video_pb2.Video:
        request = {"take_id": TAKE_ID, "concept": "a woman in a red coat walks at night", "seed": 7} | fields
        return (await self.stub.CreateVideo(video_pb2.CreateVideoRequest(**request))).video

    async def get(self, video_id: str) -> video_pb2.Video:
        return (await self.stub.GetVideo(video_pb2.GetVideoRequest(video_id=video_id))).video

    async def watch(self, video_id: str) -> list[video_pb2.Video]:
        """All states until nothing is being made."""
        watched = self.stub.WatchVideo(video_pb2.WatchVideoRequest(video_id=video_id))
        return [each.video async for each in watched if not each.is_unchanged]

    async def done(self, video: video_pb2.Video) -> video_pb2.Video:
        return (await self.watch(video.video_id))[-1]

    async def file(self, video_id: str, **fields: Any) -> bytes:
        call = self.stub.StreamVideo(video_pb2.StreamVideoRequest(video_id=video_id, **fields))
        return b"".join([part.data async for part in call])

    async def begun(self, count: int = 1) -> None:
        await eventually(lambda: self.scenes.begun() >= count)


@pytest.fixture
async def studio(tmp_path: Path, engine_url: str) -> AsyncIterator[Studio]:  # noqa: F811
    store, scenes = MemoryStore(), PlainScenes(tmp_path / "scenes")
    async with serving_takes() as takes:
        server = RpcServer("127.0.0.1:0")
        address = await server.bind()
        settings = Settings(
            data_dir=tmp_path / "data",
            engine=engine_url,
            generate_addr=takes,
            speech_addr=takes,
            ingest_addr=address,
            c2pa=False,
        )
        async with (
            open_ingest(settings, store) as ingest,
            open_video(settings, store, {"plain": scenes}, listen=plain_song_map, assemble=plain_assembly) as video,
        ):
            ingest.add_to(server)
            video.add_to(server)
            await server.start()
            async with open_channel(address) as channel:
                yield Studio(
                    stub=video_pb2_grpc.VideoServiceStub(channel),
                    ingest=ingest_pb2_grpc.IngestServiceStub(channel),
                    video=video,
                    store=store,
                    scenes=scenes,
                    settings=settings,
                    address=address,
                )
            await server.stop(0)
