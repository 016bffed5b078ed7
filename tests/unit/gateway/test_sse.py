"""Server-sent events: framing, pings, failures, early disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sse_starlette import ServerSentEvent
from starlette.types import Message

from resonance.errors import Unavailable
from resonance_gateway.http import sse
from resonance_gateway.http.sse import EventStreamResponse, json_event

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


class Connection:
    """An ASGI connection: what was sent, and an event that disconnects the client."""

    def __init__(self) -> None:
        self.body = b""
        self.has_left = asyncio.Event()

    async def receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.body += message.get("body", b"")

    async def run(self, response: EventStreamResponse) -> None:
        async with asyncio.timeout(5):
            await response(SCOPE, self.receive, self.send)


async def test_an_event_is_its_id_its_name_and_one_line_of_json() -> None:
    assert json_event("taste", {"title": "a\nb é"}, event_id=7).encode() == (
        b'id: 7\nevent: taste\ndata: {"title":"a\\nb \\u00e9"}\n\n'
    )


async def test_a_failure_after_the_first_event_is_an_event_with_the_problem() -> None:
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield json_event("taste", {"n": 2})
        raise Unavailable("the service is stopping")

    connection = Connection()
    await connection.run(EventStreamResponse(events(), first=json_event("taste", {"n": 1})))
    blocks = connection.body.decode().split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == ["event: taste", "event: taste", "event: problem", ""]
    assert '"reason":"UNAVAILABLE"' in blocks[2]


async def test_a_quiet_stream_carries_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_PING_S", 0.01)

    async def events() -> AsyncIterator[ServerSentEvent]:
        await asyncio.sleep(0.1)
        yield json_event("taste", {})

    connection = Connection()
    await connection.run(EventStreamResponse(events()))
    assert connection.body.startswith(b": ping")
    assert connection.body.endswith(b"event: taste\ndata: {}\n\n")


@pytest.mark.parametrize("reads_first", [True, False])
async def test_a_client_that_disconnects_before_the_first_event_closes_the_events(reads_first: bool) -> None:
    closed = asyncio.Event()

    async def events() -> AsyncIterator[ServerSentEvent]:
        try:
            yield json_event("taste", {})
            await asyncio.Event().wait()
        finally:
            closed.set()

    stream, connection = events(), Connection()
    first = await anext(stream)
    connection.has_left.set()
    if not reads_first:  # the connection is gone before even the headers could be sent

        async def send(message: Message) -> None:
            await asyncio.Event().wait()

        connection.send = send  # type: ignore[method-assign]
    await connection.run(EventStreamResponse(stream, first=first))
    assert closed.is_set()
