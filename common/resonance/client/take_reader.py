"""Verified take stream reader: order, offsets, sample count, SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from resonance.errors import DataLoss, Unavailable
from resonance.v1 import audio_pb2, generate_pb2

Response = TypeVar(
    "Response", generate_pb2.GenerateResponse, generate_pb2.StreamTakeResponse, generate_pb2.PerformResponse
)


class TakeReader:
    """Checks each message of a take or a performance as it arrives.

    A take may arrive over several calls: `begin_call` announces the next one. The SHA-256 can be checked only where the first call
    began at sample 0, because the end mark covers the whole take.
    """

    def __init__(self, *, sample_offset: int = 0, started: generate_pb2.GenerationStarted | None = None) -> None:
        """`started` is the opening message where the caller has read it already."""
        self.started = started
        self.position = sample_offset
        self.is_finished = False
        self._has_whole_digest = sample_offset == 0
        self._digest = hashlib.sha256()
        self._sequence = 0

    def begin_call(self) -> None:
        """Expects the chunks of another call, which are counted from 0 and begin at `position`."""
        self._sequence = 0

    def read(self, response: Response) -> None:
        """Checks the next message.

        Raises:
            DataLoss: a chunk is missing or repeated, or the end mark does not fit what came.
        """
        if response.HasField("started"):
            self.started = self.started or response.started
        elif response.HasField("chunk"):
            self._add(response.chunk)
        elif response.HasField("finished"):
            end = response.finished
            self._finish(end if isinstance(end, audio_pb2.StreamEnd) else end.end)

    def check_finished(self) -> None:
        """Raises Unavailable where the end mark has not come."""
        if not self.is_finished:
            raise Unavailable(f"the stream was cut at sample {self.position}; it is not whole", reason="STREAM_CUT")

    def _add(self, chunk: audio_pb2.AudioChunk) -> None:
        if chunk.sequence != self._sequence:
            raise _damaged(f"chunk {chunk.sequence} came, not {self._sequence}")
        if chunk.sample_offset != self.position:
            raise _damaged(f"a chunk came for sample {chunk.sample_offset}, not {self.position}")
        self._digest.update(chunk.data)
        self._sequence += 1
        self.position += chunk.sample_count

    def _finish(self, end: audio_pb2.StreamEnd) -> None:
        # A performance promises no length in `started`: its total is 0 there.
        promised = (self.started.sample_count_total if self.started else 0) or end.sample_count_total
        if not self.position == end.sample_count_total == promised:
            raise _damaged(
                f"{self.position} samples came, {end.sample_count_total} were sent, {promised} were promised"
            )
        if self._has_whole_digest and end.sha256 != self._digest.digest():
            raise _damaged("the samples are not the ones that were sent")
        self.is_finished = True


async def read_take(responses: AsyncIterator[Response]) -> AsyncGenerator[Response, None]:
    """The messages of one call from its first sample on, each checked. The caller closes `responses`.

    Raises:
        DataLoss: what came is not what was sent.
        Unavailable: the stream ended without its end mark.
    """
    reader = TakeReader()
    async for response in responses:
        reader.read(response)
        yield response
    reader.check_finished()


def _damaged(difference: str) -> DataLoss:
    return DataLoss(f"the take was not received as it was made ({difference}); ask again", reason="STREAM_DAMAGED")
