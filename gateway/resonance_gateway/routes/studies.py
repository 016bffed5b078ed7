"""Studies: calibrations, layer scans and references that run by themselves - start, follow, cancel, resume."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import NotFound
from resonance_gateway.bodies import CalibrationBody, ReferenceBody
from resonance_gateway.operations import json_response, message_schema, operation
from resonance_gateway.presence import while_present
from resonance_gateway.requests import (
    backends_of,
    concept_name_in_path,
    name_in_path,
    read_json,
    taste_id_in_path,
)
from resonance_gateway.sse import Event, event_stream

STUDY_SCHEMA = message_schema("Study")
_FAULTS = (400, 404, 409, 413, 415, 422, 429, 503)
_FINAL = {"completed", "failed", "cancelled"}
_ACCEPTED = {202: json_response("It runs; follow it under Location. The same request again resumes it", STUDY_SCHEMA)}
_HEADERS = {"Location": "Where the study is."}


class TasteCalibration(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/calibration`."""

    @operation(
        summary="A taste's measured safe range",
        tag="studies",
        responses={
            200: json_response(
                "The calibration; null where none was measured", message_schema("GetCalibrationResponse")
            )
        },
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await backends_of(request).taste_calibration(taste_id_in_path(request)))

    @operation(
        summary="Measure a taste's safe range, in the background",
        tag="studies",
        body=CalibrationBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_study(request, kind="calibration", taste_id=taste_id_in_path(request))


class TasteLayers(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/layers`."""

    @operation(
        summary="Score a taste's layers by held-out AUC, and render the best three, all, and the one reduced direction",
        tag="studies",
        body=CalibrationBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_study(request, kind="layer_scan", taste_id=taste_id_in_path(request))


class Reference(HTTPEndpoint):
    """`/v1/reference`."""

    @operation(
        summary="What tastes are taken against, and what a unit of strength is measured by",
        tag="studies",
        responses={200: json_response("The reference in force", message_schema("ReferenceSummary"))},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await while_present(request, backends_of(request).reference()))

    @operation(
        summary="Compute the model's reference from varied music, in the background; tastes and concepts made after it go by it",
        tag="studies",
        body=ReferenceBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        study = await backends_of(request).start_reference(await read_json(request, ReferenceBody))
        return JSONResponse(study, status_code=202, headers={"Location": f"/v1/studies/{study['study_id']}"})


class Study(HTTPEndpoint):
    """`/v1/studies/{study_id}`."""

    @operation(
        summary="One study", tag="studies", responses={200: json_response("The study", STUDY_SCHEMA)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await backends_of(request).study(_id(request)))


class StudyCancel(HTTPEndpoint):
    """`/v1/studies/{study_id}/cancel`."""

    @operation(
        summary="Stop a study; starting it again resumes it",
        tag="studies",
        responses={200: json_response("The study", STUDY_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        return JSONResponse(await backends_of(request).cancel_study(_id(request)))


class StudyEvents(HTTPEndpoint):
    """`/v1/studies/{study_id}/events`."""

    @operation(
        summary="Follow a study: an event `study` now and at every change, until it is final",
        tag="studies",
        responses={200: ("A stream of events", "text/event-stream", {"type": "string"})},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        study_id, backends = _id(request), backends_of(request)
        await backends.study(study_id)
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return event_stream(None, _changes(backends.watch_study(study_id)))


async def start_study(request: Request, *, kind: str, concept: str = "", taste_id: str = "") -> Response:
    """202 with the study and where it is."""
    body = await read_json(request, CalibrationBody)
    study = await backends_of(request).start_study(body, kind=kind, concept=concept, taste_id=taste_id)
    return JSONResponse(study, status_code=202, headers={"Location": f"/v1/studies/{study['study_id']}"})


def wants_to_wait(request: Request) -> bool:
    """Whether the caller waits for the result; `Prefer: respond-async` (RFC 7240) says that it does not."""
    return "respond-async" not in request.headers.get("prefer", "").lower()


async def start_concept_study(request: Request, *, kind: str) -> Response:
    """The study of the concept in the path."""
    return await start_study(request, kind=kind, concept=concept_name_in_path(request))


async def _changes(watched: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[Event, None]:
    async with aclosing(watched):
        async for study in watched:
            yield Event(name="study", data=study)
            if study["state"] in _FINAL:
                return


def _id(request: Request) -> str:
    study_id = name_in_path(request, "study_id", "study")
    if study_id != study_id.lower():
        raise NotFound("there is no study of that name")
    return study_id
