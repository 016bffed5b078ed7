"""Owners of videos: foreign ids are unknown, and each video is made for its own owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.filming import PlainScenes, ScriptedTakes, plain_assembly, plain_song_map
from support.polling import eventually

from resonance.api_keys import ApiKeys
from resonance.errors import NotFound
from resonance.identity import current_owner
from resonance.rpc import Authenticator, RpcServer, open_channel, to_domain_error
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.v1 import generate_pb2, generate_pb2_grpc, video_pb2, video_pb2_grpc
from resonance_video.build import open_video


class OwnedTakes(ScriptedTakes):
    """One take of each owner, named after the owner."""

    def _take(self, request_id: str) -> generate_pb2.Take:
        if request_id != f"take-{current_owner()}":
            raise NotFound(f"there is no take {request_id}", reason="NO_SUCH_TAKE")
        take = super()._take("take-of-tests")
        take.request_id = request_id
        return take


@dataclass
class Owner:
    """An owner's id and stub."""

    owner: str
    stub: Any

    async def create(self, take_id: str = "") -> video_pb2.Video:
        request = video_pb2.CreateVideoRequest(take_id=take_id or f"take-{self.owner}", concept="a shore", seed=2)
        return (await self.stub.CreateVideo(request)).video

    async def done(self, video_id: str) -> video_pb2.Video:
        watched = self.stub.WatchVideo(video_pb2.WatchVideoRequest(video_id=video_id))
        return [each.video async for each in watched][-1]


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[tuple[Owner, Owner, MemoryStore]]:
    inner = MemoryStore()
    store = OwnedStore(inner)
    keys = [await ApiKeys(store).issue(name, "") for name in ("ada", "bob")]
    settings = Settings(data_dir=tmp_path / "data", auth="on", service_key="s" * 32, c2pa=False)
    takes = RpcServer("127.0.0.1:0", Authenticator(store, settings))
    takes.add(
        "resonance.v1.GenerateService",
        lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(OwnedTakes(), inner),
    )
    await takes.start()
    settings = settings.model_copy(update={"generate_addr": takes.address})
    server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
    scenes = PlainScenes(tmp_path / "scenes")
    async with open_video(settings, store, {"plain": scenes}, listen=plain_song_map, assemble=plain_assembly) as video:
        video.add_to(server)
        await server.start()
        async with (
            open_channel(server.address, api_key=keys[0][0]) as first,
            open_channel(server.address, api_key=keys[1][0]) as second,
        ):
            stubs = [video_pb2_grpc.VideoServiceStub(channel) for channel in (first, second)]
            ada, bob = (Owner(key.owner, stub) for (_, key), stub in zip(keys, stubs, strict=True))
            yield ada, bob, inner
        await server.stop(0)
    await takes.stop(0)


async def test_each_video_is_made_for_its_owner_and_unknown_to_others(owners: tuple[Owner, Owner, MemoryStore]) -> None:
    ada, bob, store = owners
    videos = {}
    for owner in (ada, bob):  # the engine is started within the first owner's call
        video = await owner.create()
        videos[owner.owner] = await owner.done(video.video_id)
        assert videos[owner.owner].state == video_pb2.VIDEO_STATE_COMPLETED, videos[owner.owner].error
    assert await _reason(bob.create(f"take-{ada.owner}")) == "NO_SUCH_TAKE"

    video_id, shot_id = videos[ada.owner].video_id, videos[ada.owner].shots[0].id
    named = {"video_id": video_id}
    foreign = [
        bob.stub.GetVideo(video_pb2.GetVideoRequest(**named)),
        bob.stub.CancelVideo(video_pb2.CancelVideoRequest(**named)),
        bob.stub.DeleteVideo(video_pb2.DeleteVideoRequest(**named)),
        bob.stub.GetPlan(video_pb2.GetPlanRequest(**named)),
        bob.stub.UpdatePlan(video_pb2.UpdatePlanRequest(accept=True, **named)),
        bob.stub.RedoScene(video_pb2.RedoSceneRequest(shot_id=shot_id, **named)),
        bob.stub.ChooseScene(video_pb2.ChooseSceneRequest(shot_id=shot_id, version=1, **named)),
        bob.stub.GetVideoText(video_pb2.GetVideoTextRequest(**named)),
        _first(bob.stub.StreamVideo(video_pb2.StreamVideoRequest(**named))),
        _first(bob.stub.WatchVideo(video_pb2.WatchVideoRequest(**named))),
    ]
    assert [await _reason(call) for call in foreign] == ["NO_SUCH_VIDEO"] * len(foreign)
    listed = (await bob.stub.ListVideos(video_pb2.ListVideosRequest())).videos
    assert [each.video_id for each in listed] == [videos[bob.owner].video_id]
    assert (await ada.stub.GetVideo(video_pb2.GetVideoRequest(**named))).video == videos[ada.owner]

    async def has_no_marker() -> bool:
        return [key async for key in store.keys("video-open/")] == []

    await eventually(has_no_marker)
    keys = [key async for key in store.keys("") if "video" in key]
    assert all(key.startswith((f"users/{ada.owner}/", f"users/{bob.owner}/")) for key in keys)


async def _first(call: Any) -> Any:
    return [each async for each in call]


async def _reason(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return to_domain_error(caught.value).reason
