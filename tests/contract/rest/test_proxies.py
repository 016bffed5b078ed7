"""Proxies before the gateway: nginx, Caddy and Traefik, with Host kept and rewritten, at the root and below a path."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
from support.proxies import Proxy, make_certificate, run_proxy, trusting
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
BODY = {"prompt": "calm piano", "duration_s": 2, "request_id": "one"}
_LAYOUTS = {
    "root": {"public_origins": "https://music.example.com"},
    "subpath": {"public_origins": "https://example.com", "path_prefix": "/music"},
}


@dataclass(frozen=True, slots=True)
class Site:
    """A proxy before a gateway, and a browser at its page."""

    proxy: Proxy
    http: httpx.AsyncClient
    script: Script

    def url(self, path: str) -> str:
        """A relative path as a page of the site resolves it."""
        return urljoin(self.proxy.page, path)

    async def ask(self, method: str, path: str, **more) -> httpx.Response:
        headers = {"Host": self.proxy.host, "Origin": self.proxy.origin, "Sec-Fetch-Site": "same-origin"}
        headers |= more.pop("headers", {})
        extensions = {"sni_hostname": self.proxy.host}
        return await self.http.request(method, self.url(path), headers=headers, extensions=extensions, **more)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("proxies"))


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[(kind, layout) for kind in ("nginx", "caddy", "traefik") for layout in _LAYOUTS],
    ids="-".join,
)
async def site(request: pytest.FixtureRequest, certificate: Path) -> AsyncIterator[Site]:
    kind, layout = request.param
    script = Script()
    async with AsyncExitStack() as stack:
        services = await start_services(script)
        stack.push_async_callback(services.stop, 0.1)
        settings = Settings(
            http_addr="127.0.0.1:0",
            grpc_addr=services.address,
            trusted_proxies="127.0.0.1",
            drain_s_max=0,
            **_LAYOUTS[layout],
        )
        gateway = await stack.enter_async_context(open_gateway(settings))
        running = stack.enter_context(ExitStack())
        # On a thread: the gateway answers on this event loop while the proxy is waited for.
        proxy = await asyncio.to_thread(running.enter_context, run_proxy(kind, layout, gateway, certificate))
        address = f"https://127.0.0.1:{proxy.port}"
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, verify=trusting(), timeout=20))
        yield Site(proxy, http, script)


async def test_the_page_and_all_its_files_are_found(site: Site) -> None:
    page = await site.ask("GET", ".")
    assert page.status_code == 200
    files = re.findall(r'(?:src|href)="(static/[^"#]+)', page.text)
    assert len(files) >= 4
    for file in {*files, "static/js/sound/live-worklet.js", "v1/openapi.json"}:
        assert (await site.ask("GET", file)).status_code == 200, file


async def test_the_page_makes_music_and_no_other_page_does(site: Site) -> None:
    made = await site.ask("POST", "v1/generations", json=BODY)
    assert (made.status_code, made.content[:4]) == (200, b"RIFF")
    foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    refused = await site.ask("POST", "v1/generations", json=BODY, headers=foreign)
    assert refused.status_code == 403
    assert "RESONANCE_PUBLIC_ORIGINS" in refused.json()["detail"]


async def test_sound_passes_while_it_is_made(site: Site) -> None:
    site.script.chunk_wait_s = 0.2
    try:
        headers = {"Host": site.proxy.host, "Origin": site.proxy.origin}
        asked = {"prompt": "calm piano", "duration_s": 4}
        url, extensions = site.url("v1/generations"), {"sni_hostname": site.proxy.host}
        async with site.http.stream("POST", url, json=asked, headers=headers, extensions=extensions) as answer:
            assert len(await anext(answer.aiter_raw())) > 44
            assert site.script.streams_open == 1
    finally:
        site.script.chunk_wait_s = 0.0


async def test_parts_and_shared_links_are_served(site: Site) -> None:
    assert (await site.ask("POST", "v1/generations", json=BODY)).status_code == 200
    whole = (await site.ask("GET", "v1/takes/one/audio")).content
    part = await site.ask("GET", "v1/takes/one/audio", headers={"Range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, whole[:100])
    link = (await site.ask("POST", "v1/takes/one/link", json={})).json()
    assert link["url"].startswith(f"{site.proxy.page}shared/")
    shared = await site.ask("GET", link["url"], headers={"Origin": "https://elsewhere.example"})
    assert (shared.status_code, shared.content[:4]) == (200, b"RIFF")
    assert shared.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_the_cookie_is_for_this_page_and_for_tls_alone(site: Site) -> None:
    answer = await site.ask("POST", "v1/session", json={"key": "rsn-1"})
    cookie = answer.headers["set-cookie"].lower()
    assert "secure" in cookie
    assert f"path={site.proxy.page};" in cookie
    # Without the page's Origin it is the proxy that says so.
    program = await site.ask("POST", "v1/session", json={"key": "rsn-1"}, headers={"Origin": site.proxy.origin})
    assert "secure" in program.headers["set-cookie"].lower()


async def test_a_websocket_plays(site: Site) -> None:
    url = f"wss://{site.proxy.host}:{site.proxy.port}{site.url('v1/performances')}"
    where = {"host": "127.0.0.1", "port": site.proxy.port, "ssl": trusting()}
    async with connect(url, origin=site.proxy.origin, **where) as socket:
        await socket.send(json.dumps({"prompt": "calm piano"}))
        assert json.loads(await socket.recv())["type"] == "started"
        assert json.loads(await socket.recv())["type"] == "chunk"
        assert len(await socket.recv()) > 0
    with pytest.raises(InvalidStatus):
        async with connect(url, origin="https://elsewhere.example", **where):
            pass


async def test_events_arrive(site: Site) -> None:
    taste = await site.ask("POST", "v1/tastes", json={"url": "https://www.youtube.com/playlist?list=PL1"})
    location = taste.headers["location"]
    assert location.startswith(f"{site.proxy.page}v1/tastes/")
    headers = {"Host": site.proxy.host}
    extensions = {"sni_hostname": site.proxy.host}
    async with site.http.stream("GET", f"{location}/events", headers=headers, extensions=extensions) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (await anext(answer.aiter_lines())).startswith(("event: taste", "id: "))
