"""A whole video with the real listening, the embedded scenes and the real assembly."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.filming import RATE_HZ, SONG_S, TAKE_ID, ScriptedTakes, serving_takes

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import video_pb2, video_pb2_grpc
from resonance_video.build import open_video

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_a_take_becomes_a_film_of_its_own_samples(tmp_path: Path, engine_url: str) -> None:  # noqa: F811
    async with serving_takes() as takes:
        settings = Settings(data_dir=tmp_path, engine=engine_url, generate_addr=takes)
        async with open_video(settings, MemoryStore()) as video:
            server = RpcServer("127.0.0.1:0")
            video.add_to(server)
            await server.start()
            async with open_channel(server.address) as channel:
                stub = video_pb2_grpc.VideoServiceStub(channel)
                request = video_pb2.CreateVideoRequest(
                    take_id=TAKE_ID, concept="a woman walks on a shore at dawn", aspects=["1:1"], seed=1
                )
                accepted = (await stub.CreateVideo(request)).video
                watched = stub.WatchVideo(video_pb2.WatchVideoRequest(video_id=accepted.video_id))
                made = [each.video async for each in watched][-1]
                assert made.state == video_pb2.VIDEO_STATE_COMPLETED, made.error
                parts = stub.StreamVideo(video_pb2.StreamVideoRequest(video_id=made.video_id))
                film = b"".join([part.data async for part in parts])
                text = video_pb2.GetVideoTextRequest(
                    video_id=made.video_id, kind=video_pb2.VIDEO_TEXT_KIND_DESCRIPTIONS
                )
                assert (await stub.GetVideoText(text)).vtt.startswith("WEBVTT")
            await server.stop(0)
    with av.open(io.BytesIO(film)) as container:
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    with av.open(io.BytesIO(film)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == round(SONG_S * 24)
    assert samples.astype("<i2").tobytes() == ScriptedTakes().pcm
    assert len(samples) == round(SONG_S * RATE_HZ)
    assert made.shots[-1].end_s == pytest.approx(SONG_S)
