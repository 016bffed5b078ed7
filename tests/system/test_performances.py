"""`/v1/performances`: live baseline of `Perform` over a WebSocket.

The tests run the whole system.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.system.conftest import System
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

RECIPE: dict[str, Any] = {"prompt": "calm piano", "prompts": [{"text": "deep bass", "weight": 0.5}]}


@asynccontextmanager
async def opened(system: System, **headers: str) -> AsyncIterator[ClientConnection]:
    url = system.http.replace("http://", "ws://") + "/v1/performances"
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        yield socket


async def read_event(socket: ClientConnection) -> tuple[dict[str, Any], bytes]:
    """The next event, with a chunk's samples."""
    event = json.loads(await socket.recv())
    if event["type"] != "chunk":
        return event, b""
    samples = await socket.recv()
    assert isinstance(samples, bytes)
    assert len(samples) == 2 * event["sample_count"]
    return event, samples


async def until(socket: ClientConnection, kind: str) -> tuple[dict[str, Any], bytes]:
    """The first event of the kind, and all samples on the way."""
    received = b""
    while True:
        event, samples = await read_event(socket)
        received += samples
        if event["type"] == kind:
            return event, received


async def test_a_performance_plays_changes_and_ends_whole(system: System) -> None:
    async with opened(system) as socket:
        await socket.send(json.dumps({**RECIPE, "seed": 4, "request_id": "live-one"}))
        started, _ = await until(socket, "started")
        assert started["request_id"] == "live-one"
        assert [prompt["weight"] for prompt in started["recipe"]["prompts"]] == [1.0, 0.5]
        _, first = await until(socket, "chunk")
        await socket.send(json.dumps({"recipe": {"prompt": "fast rock", "guidance_scale": 2.0}}))
        in_force, more = await until(socket, "recipe")
        assert in_force["fault"] is None
        position = len(first + more) // 2
        received, recipes = first + more, []
        while in_force["recipe_id"] not in recipes:
            event, samples = await read_event(socket)
            assert event["type"] == "chunk"
            assert event["sample_offset"] == position
            assert isinstance(event["headroom_s"], float)
            position += event["sample_count"]
            received += samples
            recipes.append(event["recipe_id"])
        await socket.send(json.dumps({"command": "stop"}))
        end, rest = await until(socket, "finished")
        assert end["sample_count_total"] == len(received + rest) // 2
        assert end["sha256"] == hashlib.sha256(received + rest).hexdigest()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


async def test_bad_controls_are_answered_and_the_music_goes_on(system: System) -> None:
    async with opened(system) as socket:
        await socket.send(json.dumps({"prompt": "jazz", "seed": 1}))
        await until(socket, "chunk")
        for control, field in (
            ({"recipe": {"prompt": "jazz", "sliders": {"energy": 99}}}, "recipe.sliders.energy"),
            ({"recipe": {"prompt": ""}}, "recipe.prompt"),
            ({"command": "dance"}, "command"),
            ({}, ""),
            ({"recipe": {"prompt": "jazz", "guidance_scale": float("nan")}}, "recipe.guidance_scale"),
        ):
            await socket.send(json.dumps(control))
            fault, _ = await until(socket, "fault")
            assert [error["field"] for error in fault["problem"]["errors"]] == [field]
        await socket.send("{not json")
        assert (await until(socket, "fault"))[0]["problem"]["reason"] == "MALFORMED_REQUEST"
        await socket.send(b"\x00")
        assert (await until(socket, "fault"))[0]["problem"]["reason"] == "MALFORMED_REQUEST"
        await socket.send(json.dumps({"recipe": {"prompt": "jazz", "taste_id": "t-unknown"}}))
        assert "NO_SUCH_TASTE" in (await until(socket, "recipe"))[0]["fault"]
        await until(socket, "chunk")


@pytest.mark.parametrize(
    ("opening", "reason", "field"),
    [
        ('{"prompt": ""}', "INVALID", "prompt"),
        ('{"prompt": "a", "prompts": [{"text": ""}]}', "INVALID", "prompts[0].text"),
        ('{"prompt": "a", "taste_id": "t-unknown"}', "NO_SUCH_TASTE", "tastes[0].taste_id"),
        ("nonsense", "MALFORMED_REQUEST", None),
    ],
)
async def test_a_bad_opening_is_refused_in_words(system: System, opening: str, reason: str, field: str | None) -> None:
    async with opened(system) as socket:
        await socket.send(opening)
        problem, _ = await until(socket, "problem")
        assert reason in problem["problem"]["reason"]
        assert [error["field"] for error in problem["problem"]["errors"]] == ([] if field is None else [field])
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_clients_that_disconnect_give_their_slots_back(system: System) -> None:
    for _ in range(10):
        async with opened(system) as socket:
            await socket.send(json.dumps({"prompt": "rock"}))
            await until(socket, "chunk")
            socket.transport.abort()


async def test_a_page_of_another_origin_may_not_open_one(system: System) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(system, Origin="https://example.com"):
            pass
    assert refused.value.response.status_code == 403
