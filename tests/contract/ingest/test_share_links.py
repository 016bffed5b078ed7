"""Share links: access by token, expiry, revocation, S3 signed links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import urllib3
from support.s3 import open_s3
from support.stores import each_store

from resonance.api_keys import ApiKeys
from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import wav_header
from resonance.ids import sha256_hex
from resonance.rpc import Authenticator, RpcServer
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import take_audio_key
from resonance.store.owned import OwnedStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_gateway.build import open_gateway
from resonance_ingest.build import open_ingest

store = each_store
_PCM = bytes(range(256)) * 400
_TAKE = generate_pb2.Take(recipe=steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz", weight=1)]))
SOUND = (
    wav_header(sample_rate_hz=16_000, channel_count=1, sample_count=len(_PCM) // 2, info=provenance_texts(_TAKE)) + _PCM
)


@dataclass(frozen=True, slots=True)
class Servers:
    """A gateway before an ingest."""

    http: httpx.AsyncClient
    url: str


@asynccontextmanager
async def serving(store: ObjectStore, tmp_path: Path, **changes: Any) -> AsyncIterator[Servers]:
    settings = Settings(data_dir=tmp_path / "data", http_addr="127.0.0.1:0", service_key="s" * 32, **changes)
    async with AsyncExitStack() as stack:
        server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
        settings = settings.model_copy(update={"grpc_addr": await server.bind()})
        (await stack.enter_async_context(open_ingest(settings, store))).add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        url = await stack.enter_async_context(open_gateway(settings))
        yield Servers(await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20)), url)


async def test_a_link_serves_the_whole_sound_and_ranges_until_it_is_revoked(store, tmp_path: Path) -> None:
    await store.put(take_audio_key("take-1"), SOUND)
    async with serving(store, tmp_path) as doors:
        made = await doors.http.post("/v1/takes/take-1/link", json={})
        assert made.status_code == 201, made.text
        link = made.json()
        assert (link["byte_count"], link["sha256"], link["direct_url"]) == (len(SOUND), sha256_hex(SOUND), "")
        whole = await doors.http.get(link["url"])
        assert (whole.status_code, whole.content[:4]) == (200, b"RIFF")
        part = await doors.http.get(link["url"], headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, whole.content[1000:2000])
        assert (await doors.http.head(link["url"])).headers["content-length"] == str(len(whole.content))
        assert (await doors.http.get(link["url"], headers={"Range": f"bytes={len(whole.content)}-"})).status_code == 416
        kept = [key.encode() + (await store.get(key)).data async for key in store.keys("shares/")]
        token = link["url"].rpartition("/")[2]
        assert len(token) == 26
        assert kept
        assert not any(token.encode() in each for each in kept)
        assert (await doors.http.delete(f"/v1/links/{link['id']}")).status_code == 204
        for url in (link["url"], "/shared/" + "a" * 26, "/shared/ABC"):
            gone = await doors.http.get(url)
            assert (gone.status_code, gone.json()["reason"]) in ((404, "NO_SUCH_LINK"), (404, "ROUTE_NOT_FOUND")), url
        assert (await doors.http.delete(f"/v1/links/{link['id']}")).status_code == 404


async def test_a_link_expires(store, tmp_path: Path) -> None:
    await store.put(take_audio_key("take-1"), SOUND)
    async with serving(store, tmp_path) as doors:
        link = (await doors.http.post("/v1/takes/take-1/link", json={"expire_s": 0.5})).json()
        assert (await doors.http.get(link["url"])).status_code == 200
        await asyncio.sleep(0.6)
        assert (await doors.http.get(link["url"])).json()["reason"] == "NO_SUCH_LINK"


async def test_a_link_needs_no_key_and_only_its_owner_revokes_it(store, tmp_path: Path) -> None:
    owned = OwnedStore(store)
    (ada, one), (bob, _) = [await ApiKeys(store).issue(name) for name in ("Ada", "Bob")]
    await store.put(f"users/{one.owner}/{take_audio_key('take-1')}", SOUND)
    async with serving(owned, tmp_path, auth="on") as doors:
        as_ada, as_bob = ({"Authorization": f"Bearer {key}"} for key in (ada, bob))
        assert (await doors.http.post("/v1/takes/take-1/link", json={})).status_code == 401
        assert (await doors.http.post("/v1/takes/take-1/link", json={}, headers=as_bob)).status_code == 404
        link = (await doors.http.post("/v1/takes/take-1/link", json={}, headers=as_ada)).json()
        assert (await doors.http.get(link["url"])).content[:4] == b"RIFF"
        assert (await doors.http.delete(f"/v1/links/{link['id']}", headers=as_bob)).status_code == 404
        assert (await doors.http.delete(f"/v1/links/{link['id']}", headers=as_ada)).status_code == 204
        assert (await doors.http.get(link["url"])).status_code == 404


async def test_damaged_sound_is_not_served(tmp_path: Path) -> None:
    from resonance.store.files import FileStore

    store = FileStore(tmp_path / "store")
    await store.put(take_audio_key("take-1"), SOUND)
    async with serving(store, tmp_path) as doors:
        link = (await doors.http.post("/v1/takes/take-1/link", json={})).json()
        (path,) = (tmp_path / "store" / "objects" / "takes").iterdir()
        data = bytearray(path.read_bytes())
        data[5000] ^= 1
        path.write_bytes(data)
        assert (await doors.http.get(link["url"])).status_code == 500


async def test_a_direct_link_leads_to_the_s3_store(s3_settings: Settings, tmp_path: Path) -> None:
    endpoint = s3_settings.store.split("/")[2]
    store = open_s3(s3_settings, public_endpoint=endpoint)
    await store.put(take_audio_key("take-1"), SOUND)
    async with serving(store, tmp_path) as doors:
        link = (await doors.http.post("/v1/takes/take-1/link", json={})).json()
    answer = await asyncio.to_thread(urllib3.request, "GET", link["direct_url"])
    assert answer.status == 200
    assert sha256_hex(answer.data[: link["byte_count"]]) == link["sha256"]
    assert "resonance-take-1.wav" in answer.headers["Content-Disposition"]
    forged = link["direct_url"].replace("take-1", "take-2")
    assert (await asyncio.to_thread(urllib3.request, "GET", forged)).status == 403
    for key in [key async for key in store.keys("")]:
        await store.delete(key)
    await store.close()
