"""Resumed extractions: restart at the clip, shared songs read once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from support.engine_server import engine_url, own_engine  # noqa: F401  (fixtures)
from support.extracting import keep_reference
from support.stores import each_store

from resonance.ids import sha256_hex
from resonance.rpc import RpcServer, open_channel, to_domain_error
from resonance.settings import Settings
from resonance.v1 import audio_pb2, extract_pb2, extract_pb2_grpc, ingest_pb2
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.build import open_extract

store = each_store
Request = extract_pb2.ExtractTasteRequest


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of the clips that went through the model, in order. The model itself is the real one."""
    clips: list[str] = []
    read_clip = ActivationWorker.read_clip

    async def counted(self: ActivationWorker, samples: Any) -> Any:
        found = await read_clip(self, samples)
        clips.append(sha256_hex(samples.tobytes()))
        return found

    monkeypatch.setattr(ActivationWorker, "read_clip", counted)
    return clips


@asynccontextmanager
async def serving(tiny, store, **settings: Any) -> AsyncIterator[Any]:
    await keep_reference(store, tiny)
    server = RpcServer("127.0.0.1:0")
    address = await server.bind()
    async with open_extract(Settings(grpc_addr=address, adoption="off", **settings), store, tiny) as parts:
        parts.add_to(server)
        await server.start()
        async with open_channel(address) as channel:
            yield extract_pb2_grpc.ExtractServiceStub(channel)
        await server.stop(0)


def track(tiny, seed: int, clip_count: int) -> list[np.ndarray]:
    """Clips of one second of noise."""
    rate = tiny.description.sample_rate_hz
    noise = np.random.default_rng(seed).standard_normal((clip_count, rate)).astype(np.float32)
    return [0.1 * np.clip(clip, -3, 3) for clip in noise]


def sha_of(clips: list[np.ndarray]) -> str:
    return sha256_hex(b"".join(clip.tobytes() for clip in clips))


async def extract(
    stub: Any, taste_id: str, tracks: list[list[Any]], stop_after: int | None = None, sha256: str | None = None
) -> Any:
    """Extracts as ingest does. With `stop_after` it breaks off after so many clips of progress; clips that are None are left out."""
    call = stub.ExtractTaste()
    announced = [
        extract_pb2.ExtractionTrack(
            title="x", sha256=sha256 or sha_of(clips), duration_s=1.0, clip_count=len(clips), index=at
        )
        for at, clips in enumerate(tracks)
    ]
    await call.write(Request(start=extract_pb2.ExtractionStart(taste_id=taste_id, tracks=announced)))
    plan, sending, count = None, None, 0
    try:
        async for response in call:
            kind = response.WhichOneof("event")
            if kind == "plan":
                plan = response.plan
                sending = asyncio.create_task(send(call, plan, tracks))
            elif kind == "progress":
                count += 1
                if count == stop_after:
                    return plan
            elif kind == "taste":
                return plan, response.taste
    finally:
        call.cancel()
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    raise AssertionError("no taste came")


async def send(call: Any, plan: Any, tracks: list[list[Any]]) -> None:
    for at, known in zip(plan.track_indices, plan.clips_known, strict=True):
        for number, clip in [(number, clip) for number, clip in enumerate(tracks[at]) if clip is not None][known:]:
            opening = ingest_pb2.ClipOpening(track_index=at, clip_index=number, start_s=number, sample_count=len(clip))
            await call.write(Request(clip=opening))
            await call.write(Request(chunk=audio_pb2.AudioChunk(sample_count=len(clip), data=clip.tobytes())))
    await call.done_writing()


async def test_clips_that_were_read_before_a_break_are_not_read_again(tiny, store, read: list[str]) -> None:
    tracks = [track(tiny, seed, 4) for seed in (1, 2)]
    async with serving(tiny, store) as stub:
        whole = (await extract(stub, "t-whole", [track(tiny, 9, 4), *tracks]))[1]
    for key in [key async for key in store.keys("tracks/")]:
        await store.delete(key)
    read.clear()
    for stop_after in (3, 2):  # two owners die in a row, each in another process
        async with serving(tiny, store) as stub:
            await extract(stub, "t-1", tracks, stop_after=stop_after)
    async with serving(tiny, store) as stub:
        plan, taste = await extract(stub, "t-1", tracks)
    wanted = [sha256_hex(clip.tobytes()) for clips in tracks for clip in clips]
    assert set(read) == set(wanted)
    assert len(read) - len(wanted) <= 2, "each of two breaks costs at most the clip in hand"
    assert len(plan.track_indices) == 0 or sum(plan.clips_known) + 4 * (2 - len(plan.track_indices)) >= 5
    assert [each.sha256 for each in taste.tracks] == [each.sha256 for each in whole.tracks[1:]]
    assert [key async for key in store.keys("clips/")] == []


async def test_a_track_in_pieces_is_the_track_in_one(tiny, store) -> None:
    clips = track(tiny, 3, 4)
    async with serving(tiny, store) as stub:
        _, whole = await extract(stub, "t-a", [clips])
        for key in [key async for key in store.keys("tracks/")]:
            await store.delete(key)
        await extract(stub, "t-b", [clips], stop_after=2)
        plan, pieced = await extract(stub, "t-b", [clips])
    assert plan.clips_known[0] >= 2
    assert pieced.vector_sha256 == whole.vector_sha256


async def test_a_missing_clip_spoils_its_track_and_no_clip_is_stored_under_a_wrong_name(tiny, store) -> None:
    clips = track(tiny, 4, 4)
    async with serving(tiny, store) as stub:
        _, whole = await extract(stub, "t-a", [clips])
        for key in [key async for key in store.keys("tracks/")]:
            await store.delete(key)
        left_out = [*clips[:1], None, *clips[2:]]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await extract(stub, "t-b", [left_out], sha256=sha_of(clips))
        assert to_domain_error(caught.value).reason == "NO_USABLE_TRACK"
        plan, again = await extract(stub, "t-b", [clips])
    assert list(plan.clips_known) == [1]
    assert again.vector_sha256 == whole.vector_sha256


async def test_concurrent_playlists_read_a_song_that_they_share_once(tiny, store, read: list[str]) -> None:
    shared, others = track(tiny, 5, 3), [track(tiny, seed, 1) for seed in (6, 7, 8)]
    async with serving(tiny, store) as stub:
        await asyncio.gather(*(extract(stub, f"t-{at}", [shared, other, shared]) for at, other in enumerate(others)))
    assert len(read) == len(set(read)) == 6


async def test_two_replicas_read_a_song_once(tiny, store, own_engine: str, read: list[str]) -> None:  # noqa: F811
    """Two services, each with a model, memory and a port of its own, share the store and the engine."""
    shared = track(tiny, 5, 4)
    async with serving(tiny, store, engine=own_engine) as one, serving(tiny, store, engine=own_engine) as other:
        found = await asyncio.gather(extract(one, "t-a", [shared]), extract(other, "t-b", [shared]))
    assert len(read) == len(set(read)) == 4
    assert found[0][1].vector_sha256 == found[1][1].vector_sha256


async def test_more_extractions_than_the_limit_are_refused(tiny, store) -> None:
    async with serving(tiny, store, extractions_max=1) as stub:
        calls = [extract(stub, f"t-{at}", [track(tiny, at, 3)]) for at in range(4)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        reasons = [to_domain_error(each).reason for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
        assert reasons == ["TOO_MANY_EXTRACTIONS"] * 3
        assert (await extract(stub, "t-9", [track(tiny, 9, 3)]))[1].taste_id == "t-9"
