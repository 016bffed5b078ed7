"""Concepts: computation, calibration, scores by layer."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from sse_starlette import ServerSentEvent
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import NotFound, Unavailable
from resonance.v1 import extract_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import accepts_events, prefers_async, read_concept_name, read_json
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.calibration_jobs import CALIBRATION_JOB_SCHEMA, CalibrationBody, start_calibration
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json
from resonance_gateway.services.service_client import ServiceClient

_ConceptRequest = extract_pb2.ComputeConceptRequest | extract_pb2.CalibrateConceptRequest

_CONCEPT = message_schema("Concept")
_CONCEPTS = {
    "type": "object",
    "properties": {"concepts": {"type": "array", "items": _CONCEPT}},
    "required": ["concepts"],
}
_FAULTS = (400, 404, 409, 413, 415, 422, 429, 501, 503)


class PairBody(Body):
    """One contrast: the same music with more and with less of the concept."""

    positive: Annotated[str, rule("PromptPair.positive")]
    negative: Annotated[str, rule("PromptPair.negative")]


class MusicBody(Body):
    """Stored music: a taste's tracks, or a finished take."""

    taste_id: Annotated[str, rule("MusicSource.taste_id")] | None = None
    track_indices: Annotated[
        list[Annotated[int, rule("MusicSource.track_indices")]], items("MusicSource.track_indices")
    ] = []
    take_id: Annotated[str, rule("MusicSource.take_id")] | None = None

    @model_validator(mode="after")
    def _is_one_of_the_two(self) -> MusicBody:
        if bool(self.taste_id) == bool(self.take_id):
            raise PydanticCustomError("required", "name a taste in `taste_id`, or a take in `take_id`")
        return self


class MusicPairBody(Body):
    """One contrast in sound: music with more and with less of the concept."""

    positive: MusicBody
    negative: MusicBody


class ConceptBody(Body):
    """A concept from pairs of prompts, from pairs of music, or from both."""

    name: Annotated[str, rule("ComputeConceptRequest.name")]
    music_pairs: Annotated[list[MusicPairBody], items("ComputeConceptRequest.music_pairs")] = []
    pairs: Annotated[list[PairBody], items("ComputeConceptRequest.pairs")] = Field(default=[], validate_default=True)

    @field_validator("pairs", mode="after")
    @classmethod
    def _has_a_pair(cls, pairs: list[PairBody], info: ValidationInfo) -> list[PairBody]:
        if "music_pairs" in info.data and not pairs and not info.data["music_pairs"]:
            raise PydanticCustomError(
                "required", "give pairs of prompts in `pairs`, or pairs of music in `music_pairs`"
            )
        return pairs


class ConceptsEndpoint(HTTPEndpoint):
    """`/v1/concepts`."""

    @operation(
        summary="List the model's concepts, the sliders' own first",
        tag="concepts",
        responses={200: json_response("All concepts", _CONCEPTS)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        concepts = await _list_concepts(get_services(request).extract)
        return JSONResponse({"concepts": [to_json(concept) for concept in concepts]})

    @operation(
        summary="Make a concept from pairs of prompts or of music; with Accept: text/event-stream it sends its progress",
        tag="concepts",
        body=ConceptBody,
        responses={201: json_response("The concept", _CONCEPT)},
        headers={"Location": "Where its calibration is."},
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, ConceptBody)
        computation = fill_message(extract_pb2.ComputeConceptRequest(), body.model_dump(exclude_none=True))
        events = _listen(get_services(request).extract, "ComputeConcept", computation)
        return await _respond(
            request, events, status=201, location=own_path(request, f"/v1/concepts/{body.name}/calibration")
        )


class ConceptCalibrationEndpoint(HTTPEndpoint):
    """`/v1/concepts/{name}/calibration`."""

    @operation(
        summary="A concept with its measured safe range",
        tag="concepts",
        responses={200: json_response("The calibration; null where none was measured", message_schema("Concept"))},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        name = read_concept_name(request)
        for concept in await _list_concepts(get_services(request).extract):
            if concept.name == name:
                return JSONResponse(to_json(concept))
        raise NotFound(f"there is no concept {name}; GET /v1/concepts lists them")

    @operation(
        summary="Measure a concept's safe range; Accept: text/event-stream sends progress, Prefer: respond-async does not wait",
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
        name = read_concept_name(request)
        if prefers_async(request):
            return await start_calibration(request, kind="range", concept=name)
        body = await read_json(request, CalibrationBody)
        calibration = fill_message(extract_pb2.CalibrateConceptRequest(), body.model_dump() | {"name": name})
        events = _listen(get_services(request).extract, "CalibrateConcept", calibration)
        return await _respond(request, events, status=200)


class ConceptLayersEndpoint(HTTPEndpoint):
    """`/v1/concepts/{name}/layers`."""

    @operation(
        summary="Scores of a concept by layer",
        tag="concepts",
        responses={200: json_response("Scores by layer", message_schema("ScanLayersResponse"))},
        faults=(404, 409, 503),
    )
    async def get(self, request: Request) -> Response:
        extract = get_services(request).extract
        scan = extract_pb2.ScanLayersRequest(name=read_concept_name(request))
        asking = extract.ask("ScanLayers", scan, timeout_s=extract.stream_s_max)
        return JSONResponse(to_json(await cancel_on_disconnect(request, asking)))

    @operation(
        summary="Render a concept at its three best layers, at all, and with the one reduced direction, in the background",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses={202: json_response("It runs; follow it under Location", CALIBRATION_JOB_SCHEMA)},
        headers={"Location": "Where the calibration job is."},
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_calibration(request, kind="layers", concept=read_concept_name(request))


async def _list_concepts(extract: ServiceClient) -> list[extract_pb2.Concept]:
    return list((await extract.ask("ListConcepts", extract_pb2.ListConceptsRequest())).concepts)


async def _listen(extract: ServiceClient, rpc: str, request: _ConceptRequest) -> Events:
    """An event `progress` many times, then `concept`."""
    async with aclosing(extract.listen(rpc, request)) as responses:
        async for response in responses:
            kind = response.WhichOneof("event")
            yield json_event(kind, to_json(getattr(response, kind)))


async def _respond(request: Request, events: Events, *, status: int, location: str | None = None) -> Response:
    """The concept as JSON, or all events for a client that accepts an event stream."""
    if accepts_events(request):
        return EventStreamResponse(events, first=await cancel_on_disconnect(request, _read_first(events)))
    concept = await cancel_on_disconnect(request, _read_concept(events))
    headers = {"Location": location} if location else None
    return Response(concept, status_code=status, media_type="application/json", headers=headers)


async def _read_first(events: Events) -> ServerSentEvent | None:
    return await anext(events, None)


async def _read_concept(events: Events) -> Any:
    """The JSON text of the event `concept`."""
    async with aclosing(events):
        async for event in events:
            if event.event == "concept":
                return event.data
    raise Unavailable("the extract service ended before the concept was done; try again", retry_after_s=1.0)
