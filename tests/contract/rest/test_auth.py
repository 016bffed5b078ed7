"""Problems, headers, hosts, origins, API keys, health."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time

import httpx
import pytest
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import RATE_HZ, Script
from tests.contract.rest.scripted import start_services
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from resonance.rpc.server import STORE_ANSWERS, RpcServer
from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/", 404), ("PUT", "/v1/tastes", 405), ("GET", "/static/nothing.js", 404)],
)
async def test_unknown_paths_and_methods_are_problem_documents(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    answer = await gateway.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "reason", "errors"} <= answer.json().keys()
    assert "x-request-id" in answer.headers


async def test_405_says_what_is_allowed(gateway: Gateway) -> None:
    assert (await gateway.http.put("/v1/tastes")).headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/v1/models", "/nothing"])
async def test_every_answer_carries_a_strict_policy(gateway: Gateway, path: str) -> None:
    headers = (await gateway.http.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_another_host_name_is_refused_on_loopback(gateway: Gateway) -> None:
    answer = await gateway.http.get("/v1/models", headers={"Host": "rebound.example:8000"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
async def test_another_sites_page_cannot_change_anything(gateway: Gateway, headers: dict[str, str]) -> None:
    answer = await gateway.http.post("/v1/generations", json={"prompt": "x"}, headers=headers)
    assert answer.status_code == 403
    assert gateway.script.generate_requests == []


@pytest.mark.parametrize("path", ["/v1/refinements", "/v1/session", "/v1/tastes"])
async def test_no_kind_of_json_is_held_beyond_the_limit_of_json(gateway: Gateway, path: str) -> None:
    async def spaces():
        for _ in range(40):
            yield b" " * 10_000

    for body in (b" " * 400_000, spaces()):
        answer = await gateway.http.post(path, content=body, headers={"Content-Type": "multipart/x+json"})
        assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/session", "multipart/form-data; boundary=b"),
        ("PUT", "/v1/tastes", "multipart/form-data; boundary=b"),
        ("POST", "/v1/tastes", "application/offset+octet-stream"),
        ("POST", "/v1/uploads", "application/offset+octet-stream"),
        ("POST", "/v1/uploads/a/b", "application/offset+octet-stream"),
    ],
)
async def test_only_uploads_have_the_limit_of_uploads(gateway: Gateway, method: str, path: str, kind: str) -> None:
    answer = await gateway.http.request(method, path, content=b" " * 400_000, headers={"Content-Type": kind})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "header",
    [
        (b"Cookie", b"resonance_key=\xe9"),
        (b"Cookie", b'resonance_key="\\012"'),
        (b"Authorization", b"Bearer a\tb"),
        (b"Authorization", b"Bearer \xe9"),
        (b"Authorization", b"Bearer " + b"x" * 20_000),
    ],
)
@pytest.mark.parametrize("auth", ["on", "off"])
async def test_a_text_that_cannot_be_a_key_counts_as_no_key(
    gateway: Gateway, header: tuple[bytes, bytes], auth: str
) -> None:
    services = await start_services(Script())
    settings = Settings(http_addr="127.0.0.1:0", grpc_addr=services.address, auth=auth)
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/v1/models", headers=[header])
    await services.stop(0)
    assert answer.status_code == (401 if auth == "on" else 200)
    assert auth == "off" or answer.json()["reason"] == "KEY_REQUIRED"


@pytest.mark.parametrize("path", ["/shared/", "//shared/", "/Shared/x/", "/shared%2F", "/shared/%0a"])
async def test_no_log_line_keeps_a_shared_links_token(
    gateway: Gateway, path: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("GET", "HEAD", "POST"):
        await gateway.http.request(method, f"{gateway.url}{path}k5hq3secret")
    with contextlib.suppress(InvalidStatus):
        async with connect(f"{gateway.url.replace('http', 'ws')}{path}k5hq3secret"):
            pass
    logged = "".join(capfd.readouterr()) + caplog.text
    assert logged.count("...") >= 4
    assert "k5hq3secret" not in logged


async def test_health_names_every_service(gateway: Gateway) -> None:
    answer = await gateway.http.get("/healthz")
    assert answer.json() == {
        "status": "ok",
        # The scripted services have no video; music goes on without it.
        "services": {"ingest": "ok", "extract": "ok", "generate": "ok", "video": "unreachable", "speech": "ok"},
        "store": "ok",
    }


@pytest.mark.parametrize(("is_answering", "expected"), [(True, "ok"), (False, "away")])
async def test_health_says_that_the_store_gives_no_answer(is_answering: bool, expected: str) -> None:
    async def state() -> bool:
        return is_answering

    server = RpcServer("127.0.0.1:0")
    server.watch(STORE_ANSWERS, state)
    await server.start()
    async with (
        open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr=server.address)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        answer = await client.get("/healthz")
    await server.stop(0)
    assert (answer.status_code, answer.json()["store"]) == (503, expected)  # no service is added: degraded both times


async def test_without_its_services_the_gateway_is_ready_and_says_what_is_away() -> None:
    async with (
        open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:1")) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert (await client.get("/healthz")).status_code == 503
        answer = await client.post("/v1/generations", json={"prompt": "x"})
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "127.0.0.1" not in answer.text
        upload = await client.post("/v1/tastes", files=[("files", ("a.mp3", b"a" * 2_000_000))])
        assert (upload.status_code, upload.json()["reason"]) == (503, "UNAVAILABLE")


@pytest.mark.slow
async def test_it_starts_alone_and_ends_cleanly_on_sigterm(gateway: Gateway) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {"RESONANCE_HTTP_ADDR": address, "RESONANCE_GRPC_ADDR": "127.0.0.1:1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "resonance_gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=8)) as client:
        assert (await client.get(f"http://{address}/livez")).status_code == 200
    process.terminate()
    _, log = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0, log.decode()


async def test_wrong_settings_are_all_named_at_once_and_stop_the_start() -> None:
    environment = os.environ | {"RESONANCE_HTTP_ADDR": "nowhere", "RESONANCE_SPEED": "9"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "resonance_gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, log = await process.communicate()
    assert process.returncode == 1
    assert b"RESONANCE_HTTP_ADDR" in log
    assert b"RESONANCE_SPEED" in log


async def test_the_model_describes_itself(gateway: Gateway) -> None:
    (model,) = (await gateway.http.get("/v1/models")).json()["models"]
    assert model["sample_rate_hz"] == RATE_HZ
    assert model["capabilities"]["steering"] is True


async def test_a_service_that_answers_nothing_does_not_hold_up_the_probe_of_the_gateway() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.read(-1)

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        address = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        async with (
            open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr=address)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            took = []
            for _ in range(3):
                begun = time.monotonic()
                ready = await client.get("/readyz")
                took.append(time.monotonic() - begun)
                assert (ready.status_code, ready.json()["services"]["generate"]) == (200, "unreachable")
    assert min(took) < 1.0, "the kubelet's probe waits no longer"
