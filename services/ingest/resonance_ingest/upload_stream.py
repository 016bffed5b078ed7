"""Upload stream reader: header, files, bytes, silence limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from resonance.errors import DeadlineExceeded, invalid_field
from resonance.rpc import validate
from resonance.v1 import ingest_pb2
from resonance_ingest.jobs.job import UploadedFile
from resonance_ingest.sources.incoming_files import IncomingFiles

# grpc.aio ends the requests of a cancelled call as if the client had finished, and cancels the handler only then: up to
# 6 ms later in 60 calls on two busy cores. Without this pause a cut upload would be taken for a whole one.
_CANCELLED_WITHIN_S = 0.05


async def read_first(requests: AsyncIterator[Any], header_s_max: float) -> Any:
    """The first message, or None. Raises DeadlineExceeded where the client sends none in time."""
    try:
        async with asyncio.timeout(header_s_max):
            return await anext(requests, None)
    except TimeoutError:
        message = f"nothing came for {header_s_max:.0f} s: send it again"
        raise DeadlineExceeded(message, reason="UPLOAD_STALLED") from None


async def read_upload_header(
    requests: AsyncIterator[ingest_pb2.UploadPlaylistRequest], header_s_max: float
) -> ingest_pb2.UploadHeader:
    """The header of an upload, which is its first message."""
    first = await read_first(requests, header_s_max)
    if first is None or not first.HasField("header"):
        raise invalid_field("header", "REQUIRED", "an upload begins with its header")
    validate(first)
    return first.header


async def receive_files(
    requests: AsyncIterator[ingest_pb2.UploadPlaylistRequest],
    files: IncomingFiles,
    stall_s_max: float,
    header: ingest_pb2.UploadHeader,
) -> tuple[UploadedFile, ...]:
    """Stores the files that follow the header. Raises InvalidInput where they come out of order or are cut."""
    has_ended = False
    async for request in within(requests, stall_s_max):
        validate(request)
        kind = request.WhichOneof("part")
        if kind == "track":
            announced = request.track.byte_count if request.track.HasField("byte_count") else None
            await files.open(request.track.filename, announced)
        elif kind == "data":
            await files.write(request.data)
        elif kind == "end" and header.has_end and not has_ended:
            has_ended = True
        else:
            raise invalid_field("part", "OUT_OF_ORDER", "after the header come tracks and their data")
    await asyncio.sleep(_CANCELLED_WITHIN_S)
    if header.has_end and not has_ended:
        raise invalid_field("tracks", "UPLOAD_CUT", "the upload was cut on the way: send it again")
    return await files.finish(header.track_count if header.HasField("track_count") else None)


async def read_upload_data(requests: AsyncIterator[ingest_pb2.WriteUploadRequest]) -> AsyncIterator[bytes]:
    """The bytes that follow a position."""
    async for request in requests:
        validate(request)
        if request.WhichOneof("part") != "data":
            raise invalid_field("part", "OUT_OF_ORDER", "after the position come bytes")
        yield request.data


async def within(requests: AsyncIterator[Any], stall_s_max: float) -> AsyncIterator[Any]:
    """The requests. Raises DeadlineExceeded where the client sends none for `stall_s_max` seconds."""
    while True:
        try:
            async with asyncio.timeout(stall_s_max):
                request = await anext(requests, None)
        except TimeoutError:
            message = f"the upload stood still for {stall_s_max:.0f} s: send it again"
            raise DeadlineExceeded(message, reason="UPLOAD_STALLED") from None
        if request is None:
            return
        yield request
