"""Byte ranges (RFC 9110, section 14) of a stream."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.exceptions import HTTPException

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


def parse_byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The requested bytes as [start, end): all of them without a readable range, None for a range past the end."""
    found = _RANGE.fullmatch(header.strip())
    if not found:
        return 0, size
    start, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if start >= size or last < start:
        return None
    return start, min(last + 1, size)


def range_headers(start: int, end: int, size: int) -> dict[str, str]:
    """Content-Length, and Content-Range where [start, end) is less than the whole."""
    headers = {"Content-Length": str(end - start)}
    if (start, end) != (0, size):
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return headers


def range_not_satisfiable(size: int) -> HTTPException:
    """The 416 for a range past the end."""
    return HTTPException(416, "the take is shorter than that", {"Content-Range": f"bytes */{size}"})


async def cut(blocks: AsyncGenerator[bytes, None], start: int, end: int) -> AsyncGenerator[bytes, None]:
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
