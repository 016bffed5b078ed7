"""`GenerateVariations` use case: several takes of one request, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from resonance.errors import ResonanceError
from resonance.v1 import generate_pb2
from resonance.variations import variation_requests
from resonance_generate.generation import Generation
from resonance_generate.responses import to_generate_response

_log = structlog.get_logger("generate")
_WAITING_MAX = 16  # messages of all variations that wait for the client

Responses = AsyncGenerator[generate_pb2.GenerateVariationsResponse, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """A message of a variation, its failure, or with neither the end of its stream."""

    variation: int
    response: generate_pb2.GenerateResponse | None = None
    failure: ResonanceError | None = None


class Variations:
    """The use case `GenerateVariations`. Each variation is a request of its own to the engine, so that they step in one batch."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    async def run(self, request: generate_pb2.GenerateVariationsRequest) -> Responses:
        """The messages of all variations as they come. A variation that fails is told once another one has begun.

        Raises:
            ResonanceError: that of the first variation, where all of them failed.
        """
        asked = variation_requests(request.request, request.count, field="request.")
        news: asyncio.Queue[_News] = asyncio.Queue(_WAITING_MAX)
        tasks = [asyncio.create_task(self._follow(number, one, news)) for number, one in enumerate(asked, start=1)]
        try:
            async for response in _tell(news, len(tasks)):
                yield response
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, variation: int, request: generate_pb2.GenerateRequest, news: asyncio.Queue[_News]) -> None:
        try:
            async with aclosing(self._generation.run(request)) as events:
                async for event in events:
                    await news.put(_News(variation=variation, response=to_generate_response(event)))
        except ResonanceError as failure:
            await news.put(_News(variation=variation, failure=failure))
        except Exception as failure:
            _log.error("a variation failed", request_id=request.request_id, exc_info=failure)
            hidden = ResonanceError("the take failed; the log of the service says why")
            await news.put(_News(variation=variation, failure=hidden))
        else:
            await news.put(_News(variation=variation))


async def _tell(news: asyncio.Queue[_News], count: int) -> Responses:
    """The messages until all variations have ended."""
    failures: dict[int, ResonanceError] = {}
    has_begun, running = False, count
    while running:
        one = await news.get()
        if one.response is not None:
            if not has_begun:
                for variation, failure in failures.items():
                    yield _to_failed(variation, failure)
            has_begun = True
            yield generate_pb2.GenerateVariationsResponse(variation=one.variation, response=one.response)
            continue
        running -= 1
        if one.failure is not None:
            failures[one.variation] = one.failure
            if has_begun:
                yield _to_failed(one.variation, one.failure)
    if failures and not has_begun:
        raise failures[min(failures)]


def _to_failed(variation: int, failure: ResonanceError) -> generate_pb2.GenerateVariationsResponse:
    failed = generate_pb2.VariationFailed(
        reason=failure.reason, message=failure.message, retry_after_s=failure.retry_after_s
    )
    return generate_pb2.GenerateVariationsResponse(variation=variation, failed=failed)
