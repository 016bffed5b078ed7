"""Conditional and range requests (RFC 9110, sections 13 and 14) of a sound of known size.

The one implementation of every sound that the gateway serves. werkzeug reads the headers; the bytes are cut from a stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from werkzeug.http import parse_etags, parse_range_header, unquote_etag


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes [start, end) of a sound of `size` bytes. `is_part` is True where a range was asked for, even one of all bytes."""

    start: int
    end: int
    size: int
    is_part: bool

    @property
    def headers(self) -> dict[str, str]:
        """Content-Length, and Content-Range of a part."""
        headers = {"Content-Length": str(self.end - self.start)}
        if self.is_part:
            headers["Content-Range"] = f"bytes {self.start}-{self.end - 1}/{self.size}"
        return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A sound that can be sent in parts: its exact size, its strong entity tag without quotes, its type, and more headers.

    An empty tag means that the bytes have no name yet; then no condition holds, and a range with If-Range is not cut.
    """

    size: int
    etag: str
    media_type: str
    headers: Mapping[str, str]


async def ranged_response(
    request: Request, sound: Sound, body: AsyncGenerator[bytes, None], close: Callable[[], Awaitable[None]]
) -> Response:
    """The answer to GET or HEAD: 200, 206, 304, 412 or 416.

    `body` yields all bytes of the sound. `close` releases what `body` would read from; it is called where no byte is sent.

    Raises:
        HTTPException: 412 for a condition that does not hold, 416 for a range past the end.
    """
    return await _respond(request, sound, lambda start, end: _cut(body, start, end), close)


async def ranged_file_response(
    request: Request, sound: Sound, read: Callable[[int, int], AsyncGenerator[bytes, None]]
) -> Response:
    """The answer as of `ranged_response`. `read(start, end)` opens those bytes alone, once, and only where bytes are sent.

    Raises:
        HTTPException: 412 for a condition that does not hold, 416 for a range past the end.
    """
    return await _respond(request, sound, read, _nothing_to_close)


async def _respond(
    request: Request,
    sound: Sound,
    read: Callable[[int, int], AsyncGenerator[bytes, None]],
    close: Callable[[], Awaitable[None]],
) -> Response:
    headers = {"Accept-Ranges": "bytes", **sound.headers}
    if sound.etag:
        headers["ETag"] = f'"{sound.etag}"'
    try:
        if _is_unchanged(request, sound.etag):
            await close()
            return Response(status_code=304, headers=headers)
        span = read_span(request, sound)
    except HTTPException:
        await close()
        raise
    status = 206 if span.is_part else 200
    headers |= span.headers
    if request.method == "HEAD":
        await close()
        return Response(status_code=status, media_type=sound.media_type, headers=headers)
    return StreamingResponse(
        read(span.start, span.end), status_code=status, media_type=sound.media_type, headers=headers
    )


def read_span(request: Request, sound: Sound) -> Span:
    """The bytes that the request asks for.

    Without a range that can be read, with several ranges, and with an If-Range that does not hold these are all bytes: RFC 9110 lets a
    server ignore such a header.

    Raises:
        HTTPException: 416, the range lies past the end.
    """
    whole = Span(start=0, end=sound.size, size=sound.size, is_part=False)
    asked = parse_range_header(request.headers.get("range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not _if_range_holds(request, sound.etag):
        return whole
    start, end = asked.ranges[0]
    if start < 0:  # the last bytes; all of them where more are asked for than there are
        start = max(0, start + sound.size)
    if start >= sound.size:
        raise HTTPException(416, "the sound is shorter than that", {"Content-Range": f"bytes */{sound.size}"})
    return Span(start=start, end=min(sound.size, end or sound.size), size=sound.size, is_part=True)


def _is_unchanged(request: Request, etag: str) -> bool:
    """True where the client has the bytes already. Raises HTTPException 412 where If-Match does not hold."""
    match, none_match = (parse_etags(request.headers.get(name)) for name in ("if-match", "if-none-match"))
    if match and not (etag and (match.star_tag or match.is_strong(etag))):
        raise HTTPException(412, "the sound is another one than If-Match names")
    return bool(etag and none_match and (none_match.star_tag or none_match.contains_weak(etag)))


def _if_range_holds(request: Request, etag: str) -> bool:
    """If-Range compares strongly: a weak tag never holds. A date does not, because no Last-Modified is sent."""
    asked = request.headers.get("if-range")
    if asked is None:
        return True
    tag, is_weak = unquote_etag(asked)
    return bool(etag) and tag == etag and not is_weak and asked.strip().startswith('"')


async def _cut(blocks: AsyncGenerator[bytes, None], start: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes [start, end) of the stream; the stream is closed at `end`."""
    position = 0
    async with aclosing(blocks):
        async for block in blocks:
            low, high = max(start - position, 0), end - position
            if block[low:high]:
                yield block[low:high]
            position += len(block)
            if position >= end:
                return


async def _nothing_to_close() -> None:
    """Nothing was opened."""
