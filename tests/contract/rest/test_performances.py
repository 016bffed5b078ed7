"""Performances on a WebSocket: every control arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services
from websockets.asyncio.client import ClientConnection, connect

from resonance.errors import Unavailable
from resonance.settings import Settings
from resonance_gateway.routes.performances import (
    ControlBody,
    PerformanceBody,
    to_control_request,
    to_opening_request,
)
from resonance_gateway.services import live_performance
from resonance_gateway.services.services import Services

pytestmark = pytest.mark.asyncio(loop_scope="session")
CALM = PerformanceBody.model_validate({"prompt": "calm"})
FAST = to_control_request(ControlBody.model_validate({"recipe": {"prompt": "fast"}}))
STOP = to_control_request(ControlBody.model_validate({"command": "stop"}))


@pytest_asyncio.fixture(loop_scope="session")
async def services() -> AsyncIterator[Services]:
    server = await start_services(Script())
    services = Services(Settings(grpc_addr=server.address))
    yield services
    await services.close()
    await server.stop(0)


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The first event of the kind. Raises TimeoutError after five seconds without one."""
    async with asyncio.timeout(5):
        async for message in socket:
            if not isinstance(message, bytes) and (event := json.loads(message))["type"] == kind:
                return event
    raise AssertionError(f"the socket closed before {kind}")


async def test_controls_sent_right_after_the_opening_act(gateway: Gateway) -> None:
    gateway.script.live_chunk_wait_s = 0.01
    for _ in range(40):
        async with connect(gateway.url.replace("http", "ws") + "/v1/performances") as socket:
            await socket.send(json.dumps({"prompt": "calm"}))
            await socket.send(json.dumps({"recipe": {"prompt": "fast"}}))
            assert (await until(socket, "recipe"))["recipe"]["prompts"][0]["text"] == "fast"
            await socket.send(json.dumps({"command": "stop"}))
            await until(socket, "finished")


async def test_a_performance_that_receives_no_more_controls_is_unavailable(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_performance, "_ANSWER_S_MAX", 0.2)
    live = services.perform(to_opening_request(CALM, "half-closed"))
    async with aclosing(live.events()) as events:
        await anext(events)
        await live._call.done_writing()
        with pytest.raises(Unavailable, match="receives no more controls"):
            await live.control(FAST)


async def test_a_control_after_the_end_is_dropped(services: Services) -> None:
    live = services.perform(to_opening_request(CALM, "ended"))
    async with aclosing(live.events()) as events:
        await anext(events)
        await live.control(STOP)
        assert [event["type"] async for event, _ in events][-1] == "finished"
        await live.control(FAST)
