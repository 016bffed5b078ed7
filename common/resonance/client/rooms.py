"""Room calls: opening a room, and a verified stream from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from resonance.errors import DataLoss, Unavailable
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import audio_pb2, generate_pb2, rooms_pb2, rooms_pb2_grpc


class RoomReader:
    """Checks that the chunks of a room follow each other; after `skipped` they go on at the sample that it names."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.is_ended = False

    def read(self, response: rooms_pb2.JoinPerformanceResponse) -> None:
        """Checks the next message. Raises DataLoss where a chunk is missing or repeated."""
        if response.HasField("skipped"):
            self.position = response.skipped.sample_offset
        elif response.HasField("chunk"):
            self._add(response.chunk)
        elif response.HasField("ended"):
            self.is_ended = True

    def _add(self, chunk: audio_pb2.AudioChunk) -> None:
        if self.position not in (None, chunk.sample_offset):
            message = f"a chunk came for sample {chunk.sample_offset}, not {self.position}"
            raise DataLoss(f"the stream is damaged: {message}", reason="STREAM_DAMAGED")
        self.position = chunk.sample_offset + chunk.sample_count


class RoomCalls:
    """Calls of RoomService."""

    def __init__(self, stub: rooms_pb2_grpc.RoomServiceStub) -> None:
        self._stub = stub

    async def open(
        self, opening: generate_pb2.PerformOpening, *, name: str = "", offered_taste_ids: Sequence[str] = ()
    ) -> rooms_pb2.OpenRoomResponse:
        """A new room with its tokens. The music begins when somebody joins."""
        request = rooms_pb2.OpenRoomRequest(opening=opening, name=name, offered_taste_ids=offered_taste_ids)
        return await unary_call(self._stub.OpenRoom(request))

    async def join(
        self, requests: AsyncIterator[rooms_pb2.JoinPerformanceRequest]
    ) -> AsyncGenerator[rooms_pb2.JoinPerformanceResponse, None]:
        """A place in a room: joining and controls in, verified events out, until the room ends or the caller closes it.

        Raises:
            DataLoss: a chunk is missing.
            Unavailable: the stream was cut, or the caller read too slowly.
        """
        reader = RoomReader()
        async with aclosing(stream_call(self._stub.JoinPerformance(requests))) as responses:
            async for response in responses:
                reader.read(response)
                yield response
        if not reader.is_ended:
            raise Unavailable("the room's stream was cut; join again", reason="STREAM_CUT")
