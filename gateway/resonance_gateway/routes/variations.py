"""Variations of one request: several takes, told together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import ResonanceError
from resonance.v1 import generate_pb2
from resonance.variations import variation_requests
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.http.requests import accepts_events, prefers_async
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event
from resonance_gateway.routes.app_state import get_background_takes
from resonance_gateway.routes.generation_states import STATE_SCHEMA, with_urls
from resonance_gateway.services.background_takes import BackgroundTake, BackgroundTakes, failed_state

VARIATIONS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"variations": {"type": "array", "items": STATE_SCHEMA}},
    "required": ["variations"],
}


async def send_variations(request: Request, generate: generate_pb2.GenerateRequest, count: int) -> Response:
    """The states of all variations: at their end, as events until then, or at once with `Prefer: respond-async`.

    A client that leaves before the end stops them, except with `respond-async`. One that cannot begin is told as failed beside the others.

    Raises:
        ResonanceError: that of the first variation, where none could begin.
    """
    takes = get_background_takes(request)
    begun = await cancel_on_disconnect(request, _begin(takes, variation_requests(generate, count)))
    if prefers_async(request):
        return _respond(request, [_state(one) for one in begun], status=202)
    following = _follow(takes, begun)
    if accepts_events(request):
        return EventStreamResponse(_events(request, following))
    states = [_state(one) for one in begun]

    async def finish() -> list[dict[str, Any]]:
        async with aclosing(following):
            async for number, state in following:
                states[number] = state
        return states

    return _respond(request, await cancel_on_disconnect(request, finish()), status=200)


_Begun = BackgroundTake | dict[str, Any]  # a take in the making, or the state of one that could not begin


async def _begin(takes: BackgroundTakes, asked: list[generate_pb2.GenerateRequest]) -> list[_Begun]:
    """Begins all takes at once, so that they step in one batch."""
    tasks = [asyncio.create_task(takes.start(one)) for one in asked]
    try:
        results = await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError:
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await _cancel(takes, [one for one in ended if isinstance(one, BackgroundTake)])
        raise
    begun: list[_Begun] = []
    for one, result in zip(asked, results, strict=True):
        if isinstance(result, ResonanceError):
            begun.append(failed_state(one.request_id, problem_fields(result)))
        elif isinstance(result, BaseException):
            raise result
        else:
            begun.append(result)
    if not any(isinstance(one, BackgroundTake) for one in begun):
        assert isinstance(results[0], ResonanceError)
        raise results[0]
    return begun


async def _follow(takes: BackgroundTakes, begun: list[_Begun]) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
    """Each state of each variation, by its number from 0, until all are final. Leaving early stops them."""
    news: asyncio.Queue[tuple[int, dict[str, Any] | None]] = asyncio.Queue()

    async def follow(number: int, one: _Begun) -> None:
        if isinstance(one, BackgroundTake):
            async with aclosing(one.states()) as states:
                async for state in states:
                    news.put_nowait((number, state))
        else:
            news.put_nowait((number, one))
        news.put_nowait((number, None))

    tasks = [asyncio.create_task(follow(number, one)) for number, one in enumerate(begun)]
    running = len(tasks)
    try:
        while running:
            number, state = await news.get()
            if state is None:
                running -= 1
            else:
                yield number, state
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _cancel(takes, begun)


async def _cancel(takes: BackgroundTakes, begun: list[_Begun]) -> None:
    for one in begun:
        if isinstance(one, BackgroundTake):
            await takes.cancel(one)


async def _events(request: Request, following: AsyncGenerator[tuple[int, dict[str, Any]], None]) -> Events:
    async with aclosing(following):
        async for number, state in following:
            yield json_event("generation", {"variation": number + 1, **with_urls(request, state)})


def _state(one: _Begun) -> dict[str, Any]:
    return one.state if isinstance(one, BackgroundTake) else one


def _respond(request: Request, states: list[dict[str, Any]], *, status: int) -> Response:
    headers = {"Preference-Applied": "respond-async"} if status == 202 else None
    return JSONResponse({"variations": [with_urls(request, state) for state in states]}, status, headers)
