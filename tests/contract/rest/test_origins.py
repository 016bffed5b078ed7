"""Origins: public addresses, the allow-list for other sites, proxies whose headers count, a path prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"prompt": "calm piano", "duration_s": 1}
PUBLIC, ELSEWHERE, FRIEND = "https://music.example.com", "https://elsewhere.example", "https://friend.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def public() -> AsyncIterator[httpx.AsyncClient]:
    """A gateway on loopback that is known as music.example.com, and may be called from friend.example."""
    services = await start_services(Script())
    settings = Settings(
        http_addr="127.0.0.1:0", grpc_addr=services.address, public_origins=PUBLIC, cors_origins=FRIEND, drain_s_max=0
    )
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield client
    await services.stop(0.1)


@pytest.mark.parametrize("host", [None, "music.example.com", "music.example.com:443", "localhost"])
@pytest.mark.parametrize("fetched", ["same-origin", None])
async def test_the_page_of_a_public_origin_may_make_music(
    public: httpx.AsyncClient, host: str | None, fetched: str | None
) -> None:
    """With Host kept and rewritten, whatever else the browser says."""
    headers = {"Origin": PUBLIC}
    headers |= {"Host": host} if host else {}
    headers |= {"Sec-Fetch-Site": fetched} if fetched else {}
    assert (await public.post("/v1/generations", json=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, "http://music.example.com", "https://music.example.com.evil.example", "null", "https://["]
)
async def test_other_pages_may_not_and_are_told_the_settings(public: httpx.AsyncClient, origin: str) -> None:
    answer = await public.post("/v1/generations", json=BODY, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "RESONANCE_PUBLIC_ORIGINS" in answer.json()["detail"]
    assert "RESONANCE_CORS_ORIGINS" in answer.json()["detail"]


async def test_another_host_name_is_refused_and_told_the_setting(public: httpx.AsyncClient) -> None:
    answer = await public.get("/v1/models", headers={"Host": "other.example"})
    assert answer.status_code == 421
    assert "RESONANCE_PUBLIC_ORIGINS" in answer.json()["detail"]


async def test_a_site_of_the_allow_list_may_call_and_read(public: httpx.AsyncClient) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization,range",
    }
    preflight = await public.options("/v1/generations", headers={"Origin": FRIEND, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == FRIEND
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    answer = await public.post("/v1/generations", json=BODY, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, FRIEND)
    assert "X-Seed" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    refused = await public.post("/v1/generations", json={"prompt": ""}, headers=headers)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, FRIEND)


async def test_other_sites_may_not(public: httpx.AsyncClient) -> None:
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    preflight = await public.options("/v1/generations", headers=asked)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    read = await public.get("/v1/models", headers={"Origin": ELSEWHERE})
    assert "access-control-allow-origin" not in read.headers


async def test_forwarded_headers_count_from_named_proxies_alone(public: httpx.AsyncClient) -> None:
    claimed = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "music.example.com"}
    answer = await public.post("/v1/session", json={"key": "rsn-1"}, headers=claimed)
    assert "secure" not in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("origin", [PUBLIC, FRIEND])
async def test_without_settings_no_other_origin_is_known(gateway: Gateway, origin: str) -> None:
    assert (await gateway.http.post("/v1/generations", json=BODY, headers={"Origin": origin})).status_code == 403
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert (
        "access-control-allow-origin" not in (await gateway.http.options("/v1/generations", headers=preflight)).headers
    )


@pytest.mark.parametrize("path", ["/v1/models", "/music/v1/models"])
async def test_below_a_prefix_paths_are_found_with_it_and_without_it(path: str) -> None:
    services = await start_services(Script())
    settings = Settings(http_addr="127.0.0.1:0", grpc_addr=services.address, path_prefix="/music", drain_s_max=0)
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        assert (await client.get(path)).status_code == 200
        start = path.removesuffix("v1/models")
        assert (await client.get(start)).status_code == 200
        assert (await client.get(f"{start}static/js/main.js")).status_code == 200
        taste = await client.post(f"{start}v1/tastes", json={"url": "https://youtu.be/x"})
        assert taste.headers["location"].startswith("/music/v1/tastes/")
        assert (await client.get(f"{start}v1/openapi.json")).json()["servers"] == [{"url": "/music"}]
        moved = await client.get("/music")
        assert (moved.status_code, moved.headers["location"]) == (308, "/music/")
    await services.stop(0.1)
