"""The library: finished takes, their description and their audio."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from resonance_gateway.bodies import PageQuery
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import name_in_path, open_services, read_query
from resonance_gateway.http.take_response import HEADERS, build_wav_header, paced, take_headers
from resonance_gateway.schema.operations import json_response, message_schema, operation, page_schema

_TAKE = message_schema("Take")
_WAV = {"type": "string", "format": "binary"}
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


class Takes(HTTPEndpoint):
    """`/v1/takes`."""

    @operation(
        summary="List finished takes, newest first",
        tag="takes",
        query=PageQuery,
        responses={200: json_response("One page", page_schema("takes", _TAKE))},
        faults=(422, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).takes(read_query(request, PageQuery)))


class Take(HTTPEndpoint):
    """`/v1/takes/{request_id}`."""

    @operation(
        summary="One finished take", tag="takes", responses={200: json_response("The take", _TAKE)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).take(name_in_path(request, "request_id", "take")))

    @operation(
        summary="Remove a take and its audio", tag="takes", responses={204: ("Removed", "", {})}, faults=(404, 503)
    )
    async def delete(self, request: Request) -> Response:
        await open_services(request).delete_take(name_in_path(request, "request_id", "take"))
        return Response(status_code=204)


class TakeAudio(HTTPEndpoint):
    """`/v1/takes/{request_id}/audio`."""

    @operation(
        summary="A finished take's WAV; one byte range is honoured",
        tag="takes",
        responses={200: ("The whole file", "audio/wav", _WAV), 206: ("The range", "audio/wav", _WAV)},
        headers=HEADERS,
        faults=(404, 416, 503),
    )
    async def get(self, request: Request) -> Response:
        request_id = name_in_path(request, "request_id", "take")
        return await cancel_on_disconnect(request, _audio(request, request_id))


async def _audio(request: Request, request_id: str) -> Response:
    take = await open_services(request).replay(request_id)
    header = build_wav_header(take.opening)
    size = len(header) + take.byte_count
    headers = take_headers(take.opening) | {"Accept-Ranges": "bytes", "X-Request-Id": request_id}
    headers["Content-Disposition"] = f'attachment; filename="resonance-{request_id}.wav"'
    span = parse_byte_range(request.headers.get("range", ""), size)
    if request.method == "HEAD" or span is None:
        await take.close()
        if span is None:
            raise HTTPException(416, "the take is shorter than that", {"Content-Range": f"bytes */{size}"})
        return Response(media_type="audio/wav", headers=headers | {"Content-Length": str(size)})
    start, end = span
    headers["Content-Length"] = str(end - start)
    whole = (start, end) == (0, size)
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    pieces = cut(paced(take, header), start, end)
    return StreamingResponse(pieces, status_code=200 if whole else 206, media_type="audio/wav", headers=headers)


def parse_byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The asked bytes as [start, end); everything where no readable range was asked; None where none exists."""
    asked = _RANGE.fullmatch(header.strip())
    if not asked:
        return 0, size
    start, last = int(asked[1]), int(asked[2]) if asked[2] else size - 1
    if start >= size or last < start:
        return None
    return start, min(last + 1, size)


async def cut(pieces: AsyncGenerator[bytes, None], start: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes [start, end) of the pieces."""
    position = 0
    async with aclosing(pieces):
        async for piece in pieces:
            low, high = max(start - position, 0), end - position
            if piece[low:high]:
                yield piece[low:high]
            position += len(piece)
            if position >= end:
                return
