"""Client streams: resumption, single `started`, refusal of altered samples."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from resonance.client import AsyncClient
from resonance.client.take_reader import TakeReader, read_take
from resonance.errors import DataLoss, Unavailable
from resonance.v1 import audio_pb2, generate_pb2

SAMPLES, TOTAL = b"ab" * 100, 200
STARTED = generate_pb2.GenerateResponse(
    started=generate_pb2.GenerationStarted(request_id="r", sample_count_total=TOTAL)
)
END = audio_pb2.StreamEnd(sample_count_total=TOTAL, sha256=hashlib.sha256(2 * SAMPLES).digest())
FINISHED = generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished(end=END))


def chunk(sequence: int, sample_offset: int) -> generate_pb2.GenerateResponse:
    """A hundred samples."""
    return generate_pb2.GenerateResponse(
        chunk=audio_pb2.AudioChunk(sequence=sequence, sample_offset=sample_offset, sample_count=100, data=SAMPLES)
    )


class Call:
    """The messages of one call; a call without an end mark breaks."""

    def __init__(self, responses: list[generate_pb2.GenerateResponse]) -> None:
        self.responses = responses

    async def __aiter__(self) -> AsyncIterator[generate_pb2.GenerateResponse]:
        for response in self.responses:
            yield response
        if FINISHED not in self.responses:
            raise Unavailable("the line broke")

    def cancel(self) -> None:
        return None


async def received(*calls: list[generate_pb2.GenerateResponse]) -> tuple[list[str | None], list[int]]:
    """The events that arrive, and the sample offset that each call asked for."""
    left, offsets = list(calls), []

    def generate(request: generate_pb2.GenerateRequest) -> Call:
        offsets.append(request.resume_sample_offset)
        return Call(left.pop(0))

    async with AsyncClient() as client:
        client.generate = SimpleNamespace(Generate=generate)
        responses = client.stream(generate_pb2.GenerateRequest(request_id="r"))
        return [response.WhichOneof("event") async for response in responses], offsets


async def test_a_cut_stream_goes_on_where_it_ended() -> None:
    events, offsets = await received([STARTED, chunk(0, 0)], [STARTED, chunk(0, 100), FINISHED])
    assert events == ["started", "chunk", "chunk", "finished"]
    assert offsets == [0, 100]


async def test_a_service_that_comes_back_before_the_first_message_still_says_how_the_take_begins() -> None:
    """Without it a file would have no header."""
    events, _ = await received([], [STARTED, chunk(0, 0), chunk(1, 100), FINISHED])
    assert events == ["started", "chunk", "chunk", "finished"]


async def test_a_resumed_take_that_is_not_the_one_that_was_begun_is_refused() -> None:
    other = chunk(0, 100)
    other.chunk.data = b"xy" * 100
    with pytest.raises(DataLoss, match="not the ones that were sent"):
        await received([STARTED, chunk(0, 0)], [STARTED, other, FINISHED])


@pytest.mark.parametrize(
    ("responses", "difference"),
    [
        ([STARTED, chunk(0, 0), FINISHED], "100 samples came, 200 were sent"),
        ([STARTED, chunk(0, 0), chunk(2, 100), FINISHED], "chunk 2 came, not 1"),
        ([STARTED, chunk(0, 0), chunk(1, 0), FINISHED], "a chunk came for sample 0, not 100"),
    ],
    ids=["a chunk less", "a number left out", "a chunk twice"],
)
async def test_a_stream_with_a_fault_is_refused(
    responses: list[generate_pb2.GenerateResponse], difference: str
) -> None:
    with pytest.raises(DataLoss, match=difference) as refusal:
        await received(responses)
    assert refusal.value.reason == "STREAM_DAMAGED"


def performed(*parts: bytes) -> list[generate_pb2.PerformResponse]:
    """A performance, whose opening promises no length, in chunks of these samples."""
    responses, offset = [generate_pb2.PerformResponse(started=generate_pb2.GenerationStarted())], 0
    for sequence, part in enumerate(parts):
        count = len(part) // 2
        fresh = audio_pb2.AudioChunk(sequence=sequence, sample_offset=offset, sample_count=count, data=part)
        responses.append(generate_pb2.PerformResponse(chunk=fresh))
        offset += count
    end = audio_pb2.StreamEnd(sample_count_total=offset, sha256=hashlib.sha256(b"".join(parts)).digest())
    return [*responses, generate_pb2.PerformResponse(finished=end)]


async def streamed(responses: list[generate_pb2.PerformResponse]) -> AsyncIterator[generate_pb2.PerformResponse]:
    for response in responses:
        yield response


async def test_a_performance_is_checked_like_a_take() -> None:
    whole = performed(b"abcd", b"ef")
    assert [response async for response in read_take(streamed(whole))] == whole
    whole[-1].finished.sha256 = bytes(32)
    with pytest.raises(DataLoss):
        _ = [response async for response in read_take(streamed(whole))]


async def test_a_stream_without_its_end_mark_was_cut() -> None:
    with pytest.raises(Unavailable, match="cut at sample 3"):
        _ = [response async for response in read_take(streamed(performed(b"abcdef")[:-1]))]


def test_the_digest_of_a_take_is_not_checked_from_its_middle_but_its_length_is() -> None:
    reader = TakeReader(sample_offset=100)
    for response in (STARTED, chunk(0, 100), FINISHED):
        reader.read(response)
    assert reader.is_finished
