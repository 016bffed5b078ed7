"""The client goes on where a stream was cut, and says how a take begins exactly once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

from resonance.client.client import AsyncClient
from resonance.errors import Unavailable
from resonance.v1 import audio_pb2, generate_pb2

STARTED = generate_pb2.GenerateResponse(started=generate_pb2.GenerationStarted(request_id="r"))
CHUNK = generate_pb2.GenerateResponse(chunk=audio_pb2.AudioChunk(sample_count=100))
FINISHED = generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished())


class Call:
    """What one call says before its line breaks."""

    def __init__(self, said: list[generate_pb2.GenerateResponse]) -> None:
        self.said = said

    async def __aiter__(self) -> AsyncIterator[generate_pb2.GenerateResponse]:
        for response in self.said:
            yield response
        if FINISHED not in self.said:
            raise Unavailable("the line broke")

    def cancel(self) -> None:
        return None


async def heard(*calls: list[generate_pb2.GenerateResponse]) -> tuple[list[str | None], list[int]]:
    """The events that arrive, and where each call was asked to begin."""
    left, offsets = list(calls), []

    def generate(request: generate_pb2.GenerateRequest) -> Call:
        offsets.append(request.resume_sample_offset)
        return Call(left.pop(0))

    async with AsyncClient() as client:
        client.generate = SimpleNamespace(Generate=generate)
        responses = client.stream(generate_pb2.GenerateRequest(request_id="r"))
        return [response.WhichOneof("event") async for response in responses], offsets


async def test_a_cut_stream_goes_on_where_it_ended() -> None:
    events, offsets = await heard([STARTED, CHUNK], [STARTED, CHUNK, FINISHED])
    assert events == ["started", "chunk", "chunk", "finished"]
    assert offsets == [0, 100]


async def test_a_service_that_comes_back_before_the_first_message_still_says_how_the_take_begins() -> None:
    """Without it a file would have no header."""
    events, _ = await heard([], [STARTED, CHUNK, FINISHED])
    assert events == ["started", "chunk", "finished"]
