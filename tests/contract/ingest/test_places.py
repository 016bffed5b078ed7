"""Queue places: taken by jobs alone, not by failed calls."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from support.scripted_extract import ScriptedExtract

from resonance.errors import Unavailable
from resonance.identity import acting_as
from resonance.rpc import to_domain_error
from resonance.store import MemoryStore
from resonance.v1 import ingest_pb2

URL = "https://www.youtube.com/watch?v=aaaaaaaaaaa"


class WeakStore(MemoryStore):
    """A store that writes job documents slowly, and refuses them while `is_away`."""

    def __init__(self, *, pause_s: float = 0.0) -> None:
        super().__init__()
        self.pause_s = pause_s
        self.is_away = False
        self.writing = asyncio.Event()

    async def create(self, key: str, data: bytes) -> str:
        if key.startswith("jobs/"):
            self.writing.set()
            await asyncio.sleep(self.pause_s)
            if self.is_away:
                raise Unavailable("the object store answered 503", reason="STORE_UNAVAILABLE")
        return await super().create(key, data)

    async def listed(self, prefix: str) -> list[str]:
        return [key async for key in self.keys(prefix)]


async def test_places_are_free_again_when_the_store_is_back(open_system) -> None:
    store = WeakStore()
    async with open_system(store=store, jobs_running_max=1, jobs_queued_max=2) as system:
        store.is_away = True
        for _ in range(4):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await system.submit(URL, request_id="same")
            assert to_domain_error(caught.value).reason == "STORE_UNAVAILABLE"
        assert await store.listed("job-") == []
        store.is_away = False
        assert (await system.submit(URL, request_id="same")).job_id


async def test_a_client_that_disconnects_leaves_a_whole_job_or_none(open_system) -> None:
    store = WeakStore(pause_s=0.1)
    async with open_system(store=store, jobs_running_max=1, jobs_queued_max=2) as system:
        calls = [asyncio.create_task(system.submit(URL, request_id=f"r{number}")) for number in range(8)]
        await store.writing.wait()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        async with asyncio.timeout(10):
            while not await store.listed("jobs/"):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        jobs = {key.removeprefix("jobs/") for key in await store.listed("jobs/")}
        assert len(jobs) == 1, "the one that was being written is written; those in line behind it are forgotten"
        assert {key.partition("-")[2].partition("-")[2] for key in await store.listed("job-open/")} <= jobs
        assert (await system.submit(URL, request_id="another")).job_id


async def test_markers_of_a_crashed_writer_take_no_place(open_system) -> None:
    store = MemoryStore()
    for number in range(3):
        await store.put(f"job-open/{time.time_ns() // 1_000_000:014d}-t-{number}", b"")
    async with open_system(store=store, jobs_running_max=1, jobs_queued_max=2) as system:
        assert (await system.submit(URL, request_id="an-honest-one")).job_id


async def test_a_marker_that_still_waits_for_its_document_stays(open_system) -> None:
    store, marker = MemoryStore(), f"job-open/{time.time_ns() // 1_000_000:014d}-t-1"
    await store.put(marker, b"")
    async with open_system(store=store):
        await asyncio.sleep(0.3)
        assert [key async for key in store.keys("job-open/")] == [marker]


async def test_the_share_of_an_owner_is_limited_and_others_still_find_room(open_system) -> None:
    async with open_system(jobs_owner_max=2, jobs_owner_hour_max=3, extract=ScriptedExtract(pause_s=60.0)) as system:
        jobs = [await system.submit(URL, request_id=f"r{number}") for number in range(2)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await system.submit(URL, request_id="r3")
        assert to_domain_error(caught.value).reason == "TOO_MANY_JOBS"
        with acting_as("o-bob"):
            await system.playlists.check_room()
        for job in jobs:
            await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))
        third = await system.submit(URL, request_id="r3")
        await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=third.job_id))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await system.submit(URL, request_id="r4")
        assert "within an hour" in to_domain_error(caught.value).message
