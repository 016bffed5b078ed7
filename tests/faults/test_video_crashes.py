"""Videos under kill -9: of the engine, of the worker, of both; lost engine files."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from support import one_now_all_later, robust
from support.filming import TAKE_ID, PlainScenes, serving_takes
from support.polling import eventually
from support.video_process import VideoProcess

from resonance.settings import Settings
from resonance.store import open_store
from resonance.v1 import video_pb2, video_pb2_grpc

VICTIMS = ["worker", "engine", "both", "both and the engine's file"]
DONE_S_MAX = 90.0


class Crew:
    """A process under test, the scenes that it makes, and a client that asks again while the process is away."""

    def __init__(self, folder: Path, takes: str) -> None:
        self.folder = folder
        self.scenes = PlainScenes(folder / "scenes")
        self.process = VideoProcess(folder, takes)

    async def create(self, request_id: str) -> str:
        request = video_pb2.CreateVideoRequest(
            request_id=request_id, take_id=TAKE_ID, concept="a man in the snow", seed=1
        )
        return (await self._ask("CreateVideo", request)).video.video_id

    async def get(self, video_id: str) -> video_pb2.Video:
        return (await self._ask("GetVideo", video_pb2.GetVideoRequest(video_id=video_id))).video

    async def finished(self, video_id: str) -> video_pb2.Video:
        async def is_done() -> video_pb2.Video | None:
            video = await self.get(video_id)
            return video if video.state >= video_pb2.VIDEO_STATE_COMPLETED else None

        return await eventually(is_done, deadline_s=DONE_S_MAX)

    async def recorded(self) -> set[str]:
        """Digests of the scenes that are finished and written down."""
        store = await open_store(Settings(store=self.process.store))
        keys = [key async for key in store.keys("videos/") if "/scenes/" in key]
        await store.close()
        return {key.rpartition("/")[2].removesuffix(".json") for key in keys}

    async def strike(self, victim: str) -> None:
        """Kills, and starts again what does not come back by itself."""
        if victim == "engine":
            self.process.kill_engine()
            return
        self.process.kill()
        if victim == "worker":
            await eventually(lambda: not self.process.engine_pids())  # it ends with its parent
        else:
            self.process.kill_engine()
        if victim == "both and the engine's file":
            for path in (self.process.data_dir / "engine").glob("engine.db*"):
                path.unlink()
        self.process.start()

    async def _ask(self, rpc: str, request: object) -> object:
        until_s = asyncio.get_running_loop().time() + DONE_S_MAX
        while True:
            try:
                async with grpc.aio.insecure_channel(self.process.address) as channel:
                    return await getattr(video_pb2_grpc.VideoServiceStub(channel), rpc)(request, timeout=30)
            except grpc.aio.AioRpcError as failure:
                if failure.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                if asyncio.get_running_loop().time() > until_s:
                    raise
                await asyncio.sleep(0.1)


@pytest.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    async with serving_takes() as takes:
        crew = Crew(tmp_path, takes)
        crew.process.start()
        try:
            await crew.process.ready()
            yield crew
        finally:
            crew.process.kill()
            crew.process.kill_engine()


@pytest.mark.parametrize("victim", one_now_all_later(["both and the engine's file", "worker", "engine", "both"]))
async def test_a_killed_part_loses_nothing_and_no_finished_scene_is_made_again(crew: Crew, victim: str) -> None:
    crew.scenes.set("two")
    video_id = await crew.create("one")
    await eventually(lambda: len(crew.scenes.made()) >= 2)
    await eventually(crew.recorded)
    recorded, before = await crew.recorded(), crew.scenes.made()
    await crew.strike(victim)
    crew.scenes.set("two", on=False)
    video = await crew.finished(video_id)
    assert video.state == video_pb2.VIDEO_STATE_COMPLETED, video.error
    made = crew.scenes.made()
    assert {digest: made[digest] for digest in recorded} == {digest: before[digest] for digest in recorded}
    assert len(made) == len(video.shots)
    leftovers = [path for path in (crew.process.data_dir / "video" / "work").rglob("*") if path.is_file()]
    assert [path for path in leftovers if path.suffix != ".lock"] == []


@robust
@pytest.mark.parametrize("seed", range(100))
async def test_random_kills(crew: Crew, seed: int) -> None:
    """Three kills at random moments, two videos; prints its seed in the test's name."""
    choice = random.Random(seed)
    crew.scenes.set("slow")
    video_ids = [await crew.create(f"{seed}-{number}") for number in range(2)]
    for _ in range(3):
        await asyncio.sleep(choice.uniform(0.0, 2.0))
        recorded, before = await crew.recorded(), crew.scenes.made()
        victim = choice.choice(VICTIMS)
        print(f"kill: {victim}")
        await crew.strike(victim)
        for digest in recorded:
            assert crew.scenes.made()[digest] == before[digest]
    crew.scenes.set("slow", on=False)
    for video_id in video_ids:
        assert (await crew.finished(video_id)).state == video_pb2.VIDEO_STATE_COMPLETED
