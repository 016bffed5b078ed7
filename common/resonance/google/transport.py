"""HTTP transport with a limit on the size of answers: a wrong server must not fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

ANSWER_BYTES_MAX = 40 * 1024 * 1024


class LimitedTransport(httpx.AsyncHTTPTransport):
    """Reads at most ANSWER_BYTES_MAX of an answer's body, and then fails with `httpx.ReadError`."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        response.stream = _Limited(stream, request)
        return response


class _Limited(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for block in self._stream:
            count += len(block)
            if count > ANSWER_BYTES_MAX:
                raise httpx.ReadError(f"the answer has more than {ANSWER_BYTES_MAX} bytes", request=self._request)
            yield block

    async def aclose(self) -> None:
        await self._stream.aclose()
