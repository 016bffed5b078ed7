"""A real gateway before scripted gRPC services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.settings import Settings
from resonance_gateway.build import open_gateway


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: its address, a client for it, and the script of what stands behind it."""

    url: str
    http: httpx.AsyncClient
    script: Script


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    script = Script()
    services = await start_services(script)
    settings = Settings(
        http_addr="127.0.0.1:0",
        grpc_addr=services.address,
        data_dir=tmp_path_factory.mktemp("data"),
        json_bytes_max=200_000,
        upload_bytes_max=4_000_000,
        take_resume_s_max=0.5,
    )
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield Gateway(url, client, script)
    await services.stop(1)


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """The gateway, with services that have forgotten what the test before did."""
    shared_gateway.script.reset()
    return shared_gateway
