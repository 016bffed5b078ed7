"""Streamed request body."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect, Request


class BodyStream:
    """One request body. It remembers its end: `receive` after the end would wait until the client disconnects."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._has_ended = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The remaining chunks. Raises ClientDisconnect when the client disconnects."""
        while not self._has_ended:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                self._has_ended = True
                raise ClientDisconnect
            self._has_ended = not message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    async def drain(self) -> None:
        """Reads and drops the rest, because browsers lose an answer that arrives while they are still sending.

        The body limit bounds the amount.
        """
        async for _ in self.chunks():
            pass
