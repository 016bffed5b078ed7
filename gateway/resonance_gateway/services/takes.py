"""Opening of take streams: new takes and replays.

The first chunk is received before the HTTP headers are sent, so that a failure is an HTTP status. A take that waits long for a slot is
opened without it, because proxies close a connection on which nothing comes for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing

from resonance.errors import DataLoss, NotFound, Unavailable, invalid_field
from resonance.v1 import extract_pb2, generate_pb2
from resonance_gateway.services.kept_files import WholeSound
from resonance_gateway.services.services import Services
from resonance_gateway.services.take_stream import Events, TakeCutError, TakeStream

# Time after which a take that waits is opened: much less than the 60 s that proxies wait.
WAIT_S_MAX = 10.0
_DAMAGED = ("OBJECT_DAMAGED", "VECTOR_DAMAGED", "NO_SUCH_OBJECT")


async def generate_take(
    services: Services, request: generate_pb2.GenerateRequest, *, wait_s_max: float | None = None
) -> TakeStream:
    """A new take with its first chunk, or with its place where it still waits after `wait_s_max` (None: WAIT_S_MAX).

    A damaged taste vector is repaired once, and the request sent again.
    """
    wait_s_max = WAIT_S_MAX if wait_s_max is None else wait_s_max

    def begin(sample_offset: int) -> Events:
        resumed = generate_pb2.GenerateRequest()
        resumed.CopyFrom(request)
        resumed.resume_sample_offset = sample_offset
        return services.generate.listen("Generate", resumed)

    try:
        return await _open_take(services, begin, request.resume_sample_offset, wait_s_max)
    except (DataLoss, NotFound) as failure:
        if not request.recipe.tastes or failure.reason not in _DAMAGED:
            raise
    for use in request.recipe.tastes:
        # GetTaste mixes a damaged vector again from the stored statistics of its tracks.
        await services.extract.ask("GetTaste", extract_pb2.GetTasteRequest(taste_id=use.taste_id))
    return await _open_take(services, begin, request.resume_sample_offset, wait_s_max)


async def replay_take(services: Services, request_id: str) -> TakeStream:
    """A finished take from its first sample on."""

    def begin(sample_offset: int) -> Events:
        request = generate_pb2.StreamTakeRequest(request_id=request_id, sample_offset=sample_offset)
        return services.generate.listen("StreamTake", request)

    return await _open_take(services, begin, 0)


async def read_whole(take: TakeStream) -> WholeSound:
    """All samples of a take."""
    opening = take.opening
    try:
        async with aclosing(take.pcm()) as blocks:
            pcm = b"".join([block async for block in blocks])
    except TakeCutError as failure:
        raise Unavailable(f"{failure}; try again", reason="STREAM_CUT", retry_after_s=1.0) from failure
    return WholeSound(
        pcm=pcm,
        sample_rate_hz=opening.sample_rate_hz,
        channel_count=opening.channel_count,
        provenance=opening.provenance,
    )


async def _open_take(
    services: Services, begin: Callable[[int], Events], sample_offset: int, wait_s_max: float = WAIT_S_MAX
) -> TakeStream:
    stream = begin(sample_offset)
    try:
        started = (await anext(stream)).started
        check_offset(sample_offset, started.sample_count_total)
        opened_s = time.monotonic()
        first = await anext(stream)
        while first.WhichOneof("event") == "queued" and time.monotonic() - opened_s < wait_s_max:
            first = await anext(stream)
    except BaseException as failure:
        await stream.aclose()
        if isinstance(failure, StopAsyncIteration):
            raise Unavailable("the take ended before it began; try again", retry_after_s=1.0) from failure
        raise
    return TakeStream(
        started=started,
        first=first,
        rest=stream,
        reopen=begin,
        resume_s_max=services.take_resume_s_max,
        sample_offset=sample_offset,
    )


def check_offset(sample_offset: int, sample_count_total: int) -> None:
    """Raises InvalidInput where the take has fewer samples."""
    if sample_offset > sample_count_total:
        raise invalid_field("resume_sample_offset", "TOO_LARGE", f"the take has {sample_count_total} samples")
