"""Leaks of memory, tasks and open files under mixed requests.

A further batch of requests must add none. `make robust` sends 10,000.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support import robust, sounds
from support.scripted_extract import ScriptedExtract
from support.stores import each_store

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.v1 import extract_pb2, extract_pb2_grpc
from resonance_gateway.build import open_gateway
from resonance_ingest.build import open_ingest

store = each_store
SEED = int(os.environ.get("SEED", "1"))
_BATCHES_MAX = 4


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resources of this process: memory in MB, asyncio tasks, open files."""

    memory_mb: float
    tasks: int
    files: int

    @classmethod
    def now(cls) -> Footprint:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        )


@pytest.fixture
async def url(store, tmp_path: Path) -> AsyncIterator[str]:
    """A gateway, a real ingest and a scripted extractor."""
    async with AsyncExitStack() as stack:
        extract, server = ScriptedExtract(), RpcServer("127.0.0.1:0")
        name = extract_pb2.DESCRIPTOR.services_by_name["ExtractService"].full_name
        server.add(name, lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(extract, inner))
        address = await server.bind()
        settings = Settings(data_dir=tmp_path / "data", grpc_addr=address, http_addr="127.0.0.1:0")
        (await stack.enter_async_context(open_ingest(settings, store))).add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        yield await stack.enter_async_context(open_gateway(settings))


async def ask(http: httpx.AsyncClient, chooser: random.Random, song: bytes, tastes: list[str], number: int) -> None:
    """One request of a client, right or wrong."""
    taste = chooser.choice(tastes) if tastes else "t-none"
    kind = chooser.randrange(100)
    if kind == 0 and len(tastes) < 20:
        files = [("files", ("a.flac", song if chooser.random() < 0.5 else b"not music"))]
        tastes.append((await http.post("/v1/tastes", files=files)).json()["id"])
    elif kind == 1 and len(tastes) > 10:
        tastes.remove(taste)
        await http.delete(f"/v1/tastes/{taste}")
    elif kind < 15:
        upload = (await http.post("/v1/uploads", json={"filename": "a", "byte_count": 1000})).json()["upload_id"]
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        await http.patch(f"/v1/uploads/{upload}", content=b"x" * chooser.randrange(1001), headers=headers)
        await http.delete(f"/v1/uploads/{upload}")
    elif kind < 20:
        async with http.stream("GET", f"/v1/tastes/{taste}/events") as events:
            async for _ in events.aiter_lines():
                break  # a client that disconnects at once
    elif kind < 30:
        await http.post(
            "/v1/tastes", json={"url": chooser.choice(["http://127.0.0.1/x", "ftp://x", "", "https://x.example/a"])}
        )
    elif kind < 40:
        await http.post(
            "/v1/tastes", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
    elif kind < 50:
        await http.post(f"/v1/tastes/{taste}/{chooser.choice(['cancel', 'retry', 'nothing'])}")
    elif kind < 60:
        await http.get("/v1/tastes?page_size=5")
    elif kind < 75:
        await http.get(f"/v1/tastes/t-{number}")
    else:
        await http.get(f"/v1/tastes/{taste}")


async def ask_many(url: str, chooser: random.Random, song: bytes, tastes: list[str], count: int) -> Footprint:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for start in range(0, count, 8):
            numbers = range(start, min(count, start + 8))
            await asyncio.gather(*(ask(http, chooser, song, tastes, number) for number in numbers))
        for taste in tastes:
            async with http.stream("GET", f"/v1/tastes/{taste}/events") as events:
                async for _ in events.aiter_lines():
                    pass
    await asyncio.sleep(1.0)  # the last uploads are removed
    return Footprint.now()


async def further_requests_add_nothing(url: str, tmp_path: Path, count: int) -> None:
    """A leak adds its part with every batch. Memory that other tests of this process gave back late adds it once."""
    print(f"SEED={SEED}")
    chooser, tastes = random.Random(SEED), list[str]()
    song = sounds.sound_bytes("flac", tmp_path, duration_s=2.0)
    last = await ask_many(url, chooser, song, tastes, count)
    for _ in range(_BATCHES_MAX):
        before, last = last, await ask_many(url, chooser, song, tastes, count)
        print(f"{count} requests more: {before} -> {last}")
        assert abs(last.tasks - before.tasks) <= 2
        assert abs(last.files - before.files) <= 5
        if last.memory_mb - before.memory_mb <= 5:
            return
    pytest.fail(f"each batch of {count} requests added more than 5 MB")


@pytest.mark.slow
async def test_a_second_batch_of_requests_adds_nothing(url: str, tmp_path: Path) -> None:
    await further_requests_add_nothing(url, tmp_path, 250)


@robust
@pytest.mark.timeout(3600)
async def test_a_second_ten_thousand_requests_adds_nothing(url: str, tmp_path: Path) -> None:
    await further_requests_add_nothing(url, tmp_path, 10_000)
