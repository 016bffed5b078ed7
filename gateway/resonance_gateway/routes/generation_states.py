"""Generations that are not waited for: their state, their events, their end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import generate_pb2
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import read_path_id
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event
from resonance_gateway.routes.app_state import get_background_takes, get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.services.background_takes import BackgroundTake, BackgroundTakes, finished_state

_STATES = ["queued", "running", "finished", "failed", "cancelled"]
STATE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string"},
        "state": {"type": "string", "enum": _STATES},
        "place": {"type": ["integer", "null"], "description": "In the queue, counted from 1."},
        "wait_s": {"type": ["number", "null"], "description": "Estimate of the wait for a slot."},
        "sample_count": {"type": "integer", "description": "Samples that are made."},
        "sample_count_total": {"type": "integer"},
        "sample_rate_hz": {"type": "integer"},
        "seed": {"type": ["integer", "null"]},
        "notices": {"type": "array", "items": {"type": "string"}},
        "take": {"anyOf": [message_schema("Take"), {"type": "null"}]},
        "problem": {"type": ["object", "null"]},
        "url": {"type": "string"},
        "audio_url": {"type": ["string", "null"], "description": "Where the sound is, once it is finished."},
    },
    "required": ["request_id", "state", "place", "wait_s", "sample_count", "sample_count_total", "take", "url"],
}


# One event of a stream: its data is the state as JSON.
_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["event", "data"],
}


class GenerationStateEndpoint(HTTPEndpoint):
    """`/v1/generations/{request_id}`."""

    @operation(
        summary="The state of a take: its place while it waits, its samples while it is made, and the finished take",
        tag="generations",
        responses={200: json_response("The state", STATE_SCHEMA)},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        found = get_background_takes(request).find(_read_id(request))
        return JSONResponse(with_urls(request, await _read_finished(request) if found is None else found.state))

    @operation(
        summary="Stop a take that is made in the background; a finished one stays",
        tag="generations",
        responses={204: ("Stopped", "", {})},
        faults=(404, 503),
    )
    async def delete(self, request: Request) -> Response:
        found = get_background_takes(request).find(_read_id(request))
        if found is None:
            await _read_finished(request)
        else:
            await get_background_takes(request).cancel(found)
        return Response(status_code=204)


class GenerationEventsEndpoint(HTTPEndpoint):
    """`/v1/generations/{request_id}/events`."""

    @operation(
        summary="Follow a take: an event `generation` now and at every change, until it is final",
        tag="generations",
        responses={200: ("A stream of events", "text/event-stream", _EVENT)},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        found = get_background_takes(request).find(_read_id(request))
        states = _once(await _read_finished(request)) if found is None else found.states()
        return EventStreamResponse(_events(request, states))


async def accept(request: Request, generate: generate_pb2.GenerateRequest) -> Response:
    """202 for a take that is made in the background; follow it under Location."""
    take = await cancel_on_disconnect(request, get_background_takes(request).start(generate))
    headers = {"Location": _url(request, generate.request_id), "Preference-Applied": "respond-async"}
    return JSONResponse(with_urls(request, take.state), status_code=202, headers=headers)


async def send_events(request: Request, generate: generate_pb2.GenerateRequest) -> Response:
    """The events of a take that is made while they are sent. A client that leaves stops the take."""
    takes = get_background_takes(request)
    is_new = takes.find(generate.request_id) is None
    take = await cancel_on_disconnect(request, takes.start(generate))
    states = _while_followed(takes, take) if is_new else take.states()
    return EventStreamResponse(_events(request, states))


async def _while_followed(takes: BackgroundTakes, take: BackgroundTake) -> AsyncGenerator[dict[str, Any], None]:
    try:
        async with aclosing(take.states()) as states:
            async for state in states:
                yield state
    finally:
        await takes.cancel(take)


async def _events(request: Request, states: AsyncGenerator[dict[str, Any], None]) -> Events:
    async with aclosing(states):
        async for state in states:
            yield json_event("generation", with_urls(request, state))


async def _once(state: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    yield state


async def _read_finished(request: Request) -> dict[str, Any]:
    asked = generate_pb2.GetTakeRequest(request_id=_read_id(request))
    return finished_state((await get_services(request).generate.ask("GetTake", asked)).take)


def with_urls(request: Request, state: dict[str, Any]) -> dict[str, Any]:
    """The state with the paths of itself and of its sound."""
    audio = own_path(request, f"/v1/takes/{state['request_id']}/audio")
    is_finished = state["state"] == "finished"
    return {**state, "url": _url(request, state["request_id"]), "audio_url": audio if is_finished else None}


def _url(request: Request, request_id: str) -> str:
    return own_path(request, f"/v1/generations/{request_id}")


def _read_id(request: Request) -> str:
    return read_path_id(request, "request_id", "take")
