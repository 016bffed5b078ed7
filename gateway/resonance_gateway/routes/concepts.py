"""Concepts: make one from pairs of prompts or of music, measure its safe range, see which layers carry it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import NotFound, Unavailable
from resonance_gateway.bodies import CalibrationBody, ConceptBody
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import concept_name_in_path, open_services, read_json
from resonance_gateway.http.sse import Event, event_stream
from resonance_gateway.routes.calibration_jobs import (
    CALIBRATION_JOB_SCHEMA,
    start_concept_calibration_job,
    wants_to_wait,
)
from resonance_gateway.schema.operations import json_response, message_schema, operation

Events = AsyncGenerator[tuple[str, dict[str, Any]], None]

_CONCEPT = message_schema("Concept")
_CONCEPTS = {
    "type": "object",
    "properties": {"concepts": {"type": "array", "items": _CONCEPT}},
    "required": ["concepts"],
}
_FAULTS = (400, 404, 409, 413, 415, 422, 429, 501, 503)


class Concepts(HTTPEndpoint):
    """`/v1/concepts`."""

    @operation(
        summary="List the model's concepts, the sliders' own first",
        tag="concepts",
        responses={200: json_response("All concepts", _CONCEPTS)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse({"concepts": await open_services(request).concepts()})

    @operation(
        summary="Make a concept from pairs of prompts or of music; with Accept: text/event-stream its progress is told",
        tag="concepts",
        body=ConceptBody,
        responses={201: json_response("The concept", _CONCEPT)},
        headers={"Location": "Where its calibration is."},
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, ConceptBody)
        events = open_services(request).compute_concept(body)
        return await _answer(request, events, status=201, location=f"/v1/concepts/{body.name}/calibration")


class ConceptCalibration(HTTPEndpoint):
    """`/v1/concepts/{name}/calibration`."""

    @operation(
        summary="A concept with its measured safe range",
        tag="concepts",
        responses={200: json_response("The calibration; null where none was measured", message_schema("Concept"))},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        name = concept_name_in_path(request)
        for concept in await open_services(request).concepts():
            if concept["name"] == name:
                return JSONResponse(concept)
        raise NotFound(f"there is no concept {name}; GET /v1/concepts lists them")

    @operation(
        summary="Measure a concept's safe range; Accept: text/event-stream tells progress, Prefer: respond-async does not wait",
        tag="concepts",
        body=CalibrationBody,
        responses={
            200: json_response("The concept with its calibration", _CONCEPT),
            202: json_response(
                "With Prefer: respond-async: the calibration job, to follow under Location", CALIBRATION_JOB_SCHEMA
            ),
        },
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        if not wants_to_wait(request):
            return await start_concept_calibration_job(request, kind="range")
        name, body = concept_name_in_path(request), await read_json(request, CalibrationBody)
        return await _answer(request, open_services(request).calibrate_concept(name, body), status=200)


class ConceptLayers(HTTPEndpoint):
    """`/v1/concepts/{name}/layers`."""

    @operation(
        summary="Which layers carry a concept",
        tag="concepts",
        responses={200: json_response("Scores by layer", message_schema("ScanLayersResponse"))},
        faults=(404, 409, 503),
    )
    async def get(self, request: Request) -> Response:
        name = concept_name_in_path(request)
        return JSONResponse(await cancel_on_disconnect(request, open_services(request).scan_layers(name)))

    @operation(
        summary="Render a concept at its three best layers, at all, and with the one reduced direction, in the background",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses={202: json_response("It runs; follow it under Location", CALIBRATION_JOB_SCHEMA)},
        headers={"Location": "Where the calibration job is."},
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_concept_calibration_job(request, kind="layers")


async def _answer(request: Request, events: Events, *, status: int, location: str | None = None) -> Response:
    """The last event as JSON, or all of them as they come for a caller who accepts an event stream."""
    if "text/event-stream" in request.headers.get("accept", ""):
        told = _told(events)
        return event_stream(await cancel_on_disconnect(request, _first(told)), told)
    concept = await cancel_on_disconnect(request, _last(events))
    return JSONResponse(concept, status_code=status, headers={"Location": location} if location else None)


async def _told(events: Events) -> AsyncGenerator[Event, None]:
    async with aclosing(events):
        async for name, data in events:
            yield Event(name=name, data=data)


async def _first(events: AsyncGenerator[Event, None]) -> Event | None:
    return await anext(events, None)


async def _last(events: Events) -> dict[str, Any]:
    async with aclosing(events):
        async for name, data in events:
            if name == "concept":
                return data
    raise Unavailable("the extract service ended before the concept was done; try again", retry_after_s=1.0)
