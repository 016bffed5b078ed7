"""WebSocket live performance: controls in, events and audio out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from resonance.audio.delivery.delivery import Delivery
from resonance.errors import Unavailable
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import audio_pb2, generate_pb2
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.live_delivery import delivered
from resonance_gateway.services.service_client import rest_errors
from resonance_gateway.services.upload_writer import write_message

Json = dict[str, Any]

_SERVICE = "generate"
# Time within which a service that has closed its side reports the status of the call.
_ANSWER_S_MAX = 5.0


class LiveCall:
    """One open call with messages in both directions."""

    def __init__(self, call: Any, opening: Message) -> None:
        """`opening` is sent first."""
        self._call = call
        self._opening = opening
        # Two writes at once fail in gRPC's core, and so do all later ones. The lock keeps writes apart; controls wait for the opening.
        self._writing = asyncio.Lock()
        self._has_opened = asyncio.Event()

    async def responses(self) -> AsyncGenerator[Any, None]:
        """Opens the call and yields its messages. Raises the domain error that the service sends."""
        with rest_errors():
            await unary_call(self._call.wait_for_connection(), service=_SERVICE)
            await self._write(self._opening)
            self._has_opened.set()
            async with aclosing(stream_call(self._call, service=_SERVICE)) as responses:
                async for response in responses:
                    yield response

    async def control(self, control: Message) -> None:
        """Sends a control, after the opening. A control after the end is dropped, because the messages report the end.

        Raises:
            Unavailable: the service takes no more controls and reports no status.
        """
        await self._has_opened.wait()
        await self._write(control)

    def close(self) -> None:
        """Cancels the call to the generate service."""
        self._call.cancel()

    async def _write(self, message: Message) -> None:
        async with self._writing:
            if await write_message(self._call, message):
                return
        try:
            await asyncio.wait_for(self._call.code(), _ANSWER_S_MAX)
        except TimeoutError:
            lost = "the performance receives no more controls; play again"
            raise Unavailable(lost, reason="STREAM_CUT", retry_after_s=1.0) from None


class LivePerformance(LiveCall):
    """One open performance."""

    def __init__(self, call: Any, opening: generate_pb2.PerformRequest, delivery: Delivery | None) -> None:
        """Without `delivery` the chunks are the model's own samples."""
        super().__init__(call, opening)
        self._delivery = delivery

    async def events(self) -> AsyncGenerator[tuple[Json, bytes | None], None]:
        """`started`, chunks with their 16-bit PCM, answers to controls, and `finished`."""
        received = self.responses()
        leaving = received if self._delivery is None else delivered(received, self._delivery)
        async with aclosing(leaving) as responses:
            async for response in responses:
                kind = response.WhichOneof("event")
                if kind == "chunk":
                    yield {"type": kind, **to_chunk_event(response.chunk)}, response.chunk.data
                else:
                    yield {"type": kind, **to_json(getattr(response, kind))}, None


def to_chunk_event(chunk: audio_pb2.AudioChunk) -> Json:
    """The fields of a chunk without its samples."""
    return {
        "sequence": chunk.sequence,
        "sample_offset": chunk.sample_offset,
        "sample_count": chunk.sample_count,
        "recipe_id": chunk.recipe_id,
        "headroom_s": chunk.headroom_s,
    }
