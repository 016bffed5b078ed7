"""Live performance of a WebSocket client: controls in, events and audio out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from google.protobuf.message import Message

from resonance.errors import Unavailable
from resonance_gateway import messages
from resonance_gateway.bodies import ControlBody, PerformanceBody
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.uploads import domain_errors, listen, wrote

Json = dict[str, Any]

# Time within which a service that has closed its side reports the status of the call.
_ANSWER_S_MAX = 5.0


class LivePerformance:
    """One open performance."""

    def __init__(self, call: Any, body: PerformanceBody, request_id: str) -> None:
        self._call = call
        self._opening = messages.opening_request(body, request_id)
        # Two writes at once fail in gRPC's core, and so do all later ones. The lock keeps writes apart; controls wait for the opening.
        self._writing = asyncio.Lock()
        self._has_opened = asyncio.Event()

    async def events(self) -> AsyncGenerator[tuple[Json, bytes | None], None]:
        """`started`, chunks with their 16-bit PCM, answers to controls, and `finished`."""
        with domain_errors("generate"):
            await self._call.wait_for_connection()
        await self._write(self._opening)
        self._has_opened.set()
        async for response in listen("generate", self._call):
            kind = response.WhichOneof("event")
            if kind == "chunk":
                yield {"type": kind, **messages.chunk_json(response.chunk)}, response.chunk.data
            else:
                yield {"type": kind, **to_json(getattr(response, kind))}, None

    async def control(self, body: ControlBody) -> None:
        """Sends a control, after the opening. A control after the end is dropped, because `events` reports the end.

        Raises:
            Unavailable: the service takes no more controls and reports no status.
        """
        await self._has_opened.wait()
        await self._write(messages.control_request(body))

    def close(self) -> None:
        """Cancels the call to the generate service."""
        self._call.cancel()

    async def _write(self, message: Message) -> None:
        async with self._writing:
            if await wrote(self._call, message):
                return
        try:
            await asyncio.wait_for(self._call.code(), _ANSWER_S_MAX)
        except TimeoutError:
            advice = "the performance receives no more controls; play again"
            raise Unavailable(advice, reason="STREAM_CUT", retry_after_s=1.0) from None
