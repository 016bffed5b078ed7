"""Server-sent events with ids, pings and late failures."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from resonance.errors import ResonanceError
from resonance_gateway.http.problems import problem_fields

_PING_S = 15.0  # proxies close connections that are quiet for longer
_LINE_END = "\n"

Events = AsyncGenerator[ServerSentEvent, None]


def json_event(name: str, data: Mapping[str, Any], *, event_id: int | None = None) -> ServerSentEvent:
    """An event with JSON data. A browser sends `event_id` back as Last-Event-ID when it reconnects."""
    text = json.dumps(data, separators=(",", ":"))
    return ServerSentEvent(text, event=name, id=None if event_id is None else str(event_id), sep=_LINE_END)


class EventStreamResponse(EventSourceResponse):
    """The events as text/event-stream. `first` was taken before the headers, so that an early failure is an HTTP status."""

    def __init__(self, events: Events, *, first: ServerSentEvent | None = None) -> None:
        super().__init__(_with_late_failure(first, events), ping=_PING_S, sep=_LINE_END)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events. A client that disconnects before the first one leaves the body iterator unstarted: its
        `finally` never runs, so `events`, which may hold a gRPC stream, are closed here."""
        async with aclosing(self._events):
            if scope.get("method") == "HEAD":
                await Response(headers={"Content-Type": "text/event-stream"})(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)


async def _with_late_failure(first: ServerSentEvent | None, events: Events) -> Events:
    if first is not None:
        yield first
    try:
        async for event in events:
            yield event
    except ResonanceError as error:
        yield json_event("problem", problem_fields(error))


async def no_events() -> Events:
    """No events."""
    return
    yield


def read_last_event_id(request: Request) -> int | None:
    """The id of the last event that a reconnecting client received; None where it sent none, or not one of ours."""
    text = request.headers.get("last-event-id", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
