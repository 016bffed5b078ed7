"""The bytes of a request's body as they come, with a rest that can be dropped after a refusal."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect, Request


class BodyStream:
    """One body. It knows whether it has ended, because asking for more after the end waits for the client to leave."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._has_ended = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The chunks that are still to come. Raises ClientDisconnect where the client has left."""
        while not self._has_ended:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                self._has_ended = True
                raise ClientDisconnect
            self._has_ended = not message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    async def drain(self) -> None:
        """Reads and drops the rest: browsers lose an answer that comes while they are still sending.

        The body limit bounds what is read here.
        """
        async for _ in self.chunks():
            pass
