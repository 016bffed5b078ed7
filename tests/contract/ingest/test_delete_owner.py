"""Deletion of an owner by REST: the playlist in hand is cancelled on the engine, and nothing of the owner is left."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from support import sounds
from support.scripted_extract import ScriptedExtract
from tests.contract.ingest.conftest import serving_extract, upload_messages

from resonance.api_keys import ApiKeys
from resonance.rpc import build_server, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.v1 import ingest_pb2_grpc
from resonance_gateway.build import open_gateway
from resonance_ingest.build import open_ingest


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sounds.sound_bytes("flac", tmp_path_factory.mktemp("song"), duration_s=60.0)


async def test_deleting_an_owner_cancels_the_playlist_in_hand_and_leaves_nothing(
    tmp_path: Path, own_engine: str, long_song: bytes
) -> None:
    store, extract = OwnedStore(MemoryStore()), ScriptedExtract(pause_s=0.3)
    async with AsyncExitStack() as stack:
        settings = Settings(
            auth="on",
            service_key="s" * 32,
            data_dir=tmp_path / "data",
            grpc_addr="127.0.0.1:0",
            http_addr="127.0.0.1:0",
            extract_addr=await stack.enter_async_context(serving_extract(extract)),
            engine=own_engine,
        )
        ingest = await stack.enter_async_context(open_ingest(settings, store))
        server = build_server(settings, store)
        ingest.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        ada, ada_key = await ApiKeys(store).issue("Ada")
        bob, bob_key = await ApiKeys(store).issue("Bob")
        jobs = []
        for key in (ada, bob):
            channel = await stack.enter_async_context(open_channel(server.address, api_key=key))
            stub = ingest_pb2_grpc.IngestServiceStub(channel)
            jobs.append((await stub.UploadPlaylist(upload_messages({"a.flac": long_song, "b.flac": long_song}))).job)
        await asyncio.wait_for(extract.listening.wait(), 60)
        gateway = settings.model_copy(update={"grpc_addr": server.address})
        url = await stack.enter_async_context(open_gateway(gateway))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
        sent = {"Authorization": f"Bearer {ada}"}
        assert (await http.delete(f"/v1/owners/{bob_key.owner}", headers=sent)).status_code == 404
        own = (await http.get("/v1/usage", headers=sent)).json()["owner_id"]
        assert own == ada_key.owner
        answer = await http.delete(f"/v1/owners/{own}", headers=sent)
        assert answer.status_code == 200, answer.text
        assert answer.json()["cancelled_work_count"] == 1
        assert answer.json()["is_complete"]
        state = await (await ingest.engine.overview()).find(jobs[0].job_id)
        assert state is not None
        assert state.status == "cancelled"
        left = [key async for key in store.keys("")]
        assert [key for key in left if own in key] == [f"owners/{own}"]
        assert [key for key in left if bob_key.owner in key and "jobs/" in key], "Bob's playlist goes on"
        other = await (await ingest.engine.overview()).find(jobs[1].job_id)
        assert other is not None
        assert other.status == "running"
        await asyncio.sleep(5.5)
        refused = await http.get("/v1/usage", headers=sent)
        assert (refused.status_code, refused.json()["reason"]) == (401, "KEY_NOT_VALID")
        await ingest.engine.cancel(jobs[1].job_id)
