"""Calibration jobs: calibrations, layer scans and references that run by themselves - start, follow, cancel, resume."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import NotFound
from resonance_gateway.bodies import CalibrationBody, ReferenceBody
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import (
    concept_name_in_path,
    name_in_path,
    open_services,
    read_json,
    taste_id_in_path,
)
from resonance_gateway.http.sse import Event, event_stream
from resonance_gateway.schema.operations import json_response, message_schema, operation

CALIBRATION_JOB_SCHEMA = message_schema("CalibrationJob")
_FAULTS = (400, 404, 409, 413, 415, 422, 429, 503)
_FINAL = {"completed", "failed", "cancelled"}
_ACCEPTED = {
    202: json_response("It runs; follow it under Location. The same request again resumes it", CALIBRATION_JOB_SCHEMA)
}
_HEADERS = {"Location": "Where the calibration job is."}


class TasteCalibration(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/calibration`."""

    @operation(
        summary="A taste's measured safe range",
        tag="calibration_jobs",
        responses={
            200: json_response(
                "The calibration; null where none was measured", message_schema("GetCalibrationResponse")
            )
        },
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).taste_calibration(taste_id_in_path(request)))

    @operation(
        summary="Measure a taste's safe range, in the background",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_calibration_job(request, kind="range", taste_id=taste_id_in_path(request))


class TasteLayers(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/layers`."""

    @operation(
        summary="Score a taste's layers by held-out AUC, and render the best three, all, and the one reduced direction",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_calibration_job(request, kind="layers", taste_id=taste_id_in_path(request))


class Reference(HTTPEndpoint):
    """`/v1/reference`."""

    @operation(
        summary="What tastes are taken against, and what a unit of strength is measured by",
        tag="calibration_jobs",
        responses={200: json_response("The reference in force", message_schema("ReferenceSummary"))},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await cancel_on_disconnect(request, open_services(request).reference()))

    @operation(
        summary="Compute the model's reference from varied music, in the background; tastes and concepts made after it go by it",
        tag="calibration_jobs",
        body=ReferenceBody,
        responses=_ACCEPTED,
        headers=_HEADERS,
        faults=_FAULTS,
    )
    async def post(self, request: Request) -> Response:
        calibration_job = await open_services(request).start_reference(await read_json(request, ReferenceBody))
        return JSONResponse(
            calibration_job,
            status_code=202,
            headers={"Location": f"/v1/calibration-jobs/{calibration_job['calibration_job_id']}"},
        )


class CalibrationJob(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}`."""

    @operation(
        summary="One calibration job",
        tag="calibration_jobs",
        responses={200: json_response("The calibration job", CALIBRATION_JOB_SCHEMA)},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).calibration_job(_id(request)))


class CalibrationJobCancel(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}/cancel`."""

    @operation(
        summary="Stop a calibration job; starting it again resumes it",
        tag="calibration_jobs",
        responses={200: json_response("The calibration job", CALIBRATION_JOB_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).cancel_calibration_job(_id(request)))


class CalibrationJobEvents(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}/events`."""

    @operation(
        summary="Follow a calibration job: an event `calibration_job` now and at every change, until it is final",
        tag="calibration_jobs",
        responses={200: ("A stream of events", "text/event-stream", {"type": "string"})},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        calibration_job_id, backends = _id(request), open_services(request)
        await backends.calibration_job(calibration_job_id)
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return event_stream(None, _changes(backends.watch_calibration_job(calibration_job_id)))


async def start_calibration_job(request: Request, *, kind: str, concept: str = "", taste_id: str = "") -> Response:
    """202 with the calibration job and where it is."""
    body = await read_json(request, CalibrationBody)
    calibration_job = await open_services(request).start_calibration_job(
        body, kind=kind, concept=concept, taste_id=taste_id
    )
    return JSONResponse(
        calibration_job,
        status_code=202,
        headers={"Location": f"/v1/calibration-jobs/{calibration_job['calibration_job_id']}"},
    )


def wants_to_wait(request: Request) -> bool:
    """Whether the caller waits for the result; `Prefer: respond-async` (RFC 7240) says that it does not."""
    return "respond-async" not in request.headers.get("prefer", "").lower()


async def start_concept_calibration_job(request: Request, *, kind: str) -> Response:
    """The calibration job of the concept in the path."""
    return await start_calibration_job(request, kind=kind, concept=concept_name_in_path(request))


async def _changes(watched: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[Event, None]:
    async with aclosing(watched):
        async for calibration_job in watched:
            yield Event(name="calibration_job", data=calibration_job)
            if calibration_job["state"] in _FINAL:
                return


def _id(request: Request) -> str:
    calibration_job_id = name_in_path(request, "calibration_job_id", "calibration_job")
    if calibration_job_id != calibration_job_id.lower():
        raise NotFound("there is no calibration job of that name")
    return calibration_job_id
