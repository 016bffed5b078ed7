"""A real gateway on a real socket before scripted services on a real grpc.aio server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
import uvicorn
from tests.contract.rest.scripted import Script, start_services

from resonance.settings import Settings
from resonance_gateway.app import build_app


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: its address, a client for it, and the script of what stands behind it."""

    url: str
    http: httpx.AsyncClient
    script: Script


class QuietServer(uvicorn.Server):
    """uvicorn without signal handlers, beside a test's own loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[str]:
    """The gateway on a free port of loopback; yields its URL."""
    config = uvicorn.Config(build_app(settings), host="127.0.0.1", port=0, log_level="error", access_log=False)
    sock = config.bind_socket()
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110  (uvicorn tells it by a flag alone)
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        sock.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_gateway() -> AsyncIterator[Gateway]:
    script = Script()
    services = await start_services(script)
    settings = Settings(grpc_addr=services.address, json_bytes_max=200_000, upload_bytes_max=4_000_000)
    async with running_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield Gateway(url, client, script)
    await services.stop(1)


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """The gateway, with services that have forgotten what the test before did."""
    shared_gateway.script.reset()
    return shared_gateway
