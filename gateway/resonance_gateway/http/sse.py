"""Server-sent events: a stream of JSON values that keeps the line warm and tells a late failure as an event."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.responses import StreamingResponse

from resonance.errors import ResonanceError
from resonance.rpc.heartbeats import with_heartbeats
from resonance_gateway.http.problems import problem_fields

_QUIET_S = 15.0  # proxies close lines that are quiet for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `id` is what a browser sends back as Last-Event-ID when it reconnects."""

    name: str
    data: Mapping[str, Any]
    id: int | None = None

    def encode(self) -> bytes:
        """As text/event-stream."""
        lines = [f"event: {self.name}", f"data: {json.dumps(self.data, separators=(',', ':'))}"]
        if self.id is not None:
            lines.insert(0, f"id: {self.id}")
        return ("\n".join(lines) + "\n\n").encode()


def event_stream(first: Event | None, rest: AsyncGenerator[Event, None]) -> StreamingResponse:
    """The response. `first` was taken before the headers, so that an early failure is an HTTP status."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(first, rest), media_type="text/event-stream", headers=headers)


async def _lines(first: Event | None, rest: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if first is not None:
            yield first.encode()
        try:
            async with aclosing(with_heartbeats(rest, _QUIET_S)) as beats:
                async for event in beats:
                    yield event.encode() if event else b": still here\n\n"
        except ResonanceError as error:
            yield Event(name="problem", data=problem_fields(error)).encode()
