"""A performance that is open: controls go in, events and sound come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import grpc

from resonance_gateway import messages
from resonance_gateway.bodies import ControlBody, PerformanceBody
from resonance_gateway.calls import listen, told
from resonance_gateway.wire import json_of

Json = dict[str, Any]


class LivePerformance:
    """One open performance: controls in, events out."""

    def __init__(self, call: Any, body: PerformanceBody, request_id: str) -> None:
        self._call = call
        self._opening = messages.opening_request(body, request_id)

    async def events(self) -> AsyncGenerator[tuple[Json, bytes | None], None]:
        """`started`, chunks with their 16-bit PCM, recipes that begin to sound or were refused, and `finished`."""
        with told("generate"):
            await self._call.write(self._opening)
        async for response in listen("generate", self._call):
            kind = response.WhichOneof("event")
            if kind == "chunk":
                yield {"type": kind, **messages.chunk_json(response.chunk)}, response.chunk.data
            else:
                yield {"type": kind, **json_of(getattr(response, kind))}, None

    async def control(self, body: ControlBody) -> None:
        """Sends a control. One that comes after the end is dropped: the events have told the end already."""
        with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError, grpc.aio.UsageError):
            await self._call.write(messages.control_request(body))

    def close(self) -> None:
        """Leaves."""
        self._call.cancel()
