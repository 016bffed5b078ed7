"""Calibration jobs: safe ranges and layer scans in the background."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import Annotated

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import DeadlineExceeded
from resonance.v1 import extract_pb2
from resonance_gateway.http.bodies import NOT_BLANK, Body
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import read_json, read_lower_path_id, read_taste_id
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json
from resonance_gateway.services.service_client import ServiceClient

CALIBRATION_JOB_SCHEMA = message_schema("CalibrationJob")
FAULTS = (400, 404, 409, 413, 415, 422, 429, 503)
ACCEPTED = {
    202: json_response("It runs; follow it under Location. The same request again resumes it", CALIBRATION_JOB_SCHEMA)
}
HEADERS = {"Location": "Where the calibration job is."}
_FINAL = {"completed", "failed", "cancelled"}


class CalibrationBody(Body):
    """Renderings that measure a safe range; everything has a default."""

    strengths: Annotated[
        list[Annotated[float, rule("CalibrateConceptRequest.strengths")]], items("CalibrateConceptRequest.strengths")
    ] = []
    prompts: Annotated[
        list[Annotated[str, rule("CalibrateConceptRequest.prompts", min_length=1, pattern=NOT_BLANK)]],
        items("CalibrateConceptRequest.prompts"),
    ] = []
    clip_s: Annotated[float, rule("CalibrateConceptRequest.clip_s")] = 0.0
    apply: Annotated[
        bool,
        Field(
            description="Puts a range measured under other conditions than the usual ones in force; otherwise it is a trial."
        ),
    ] = False


class TasteCalibrationEndpoint(HTTPEndpoint):
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
        asked = extract_pb2.GetCalibrationRequest(taste_id=read_taste_id(request))
        return JSONResponse(to_json(await get_services(request).extract.ask("GetCalibration", asked)))

    @operation(
        summary="Measure a taste's safe range, in the background",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses=ACCEPTED,
        headers=HEADERS,
        faults=FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_calibration(request, kind="range", taste_id=read_taste_id(request))


class TasteLayersEndpoint(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/layers`."""

    @operation(
        summary="Score a taste's layers by held-out AUC, and render the best three, all, and the one reduced direction",
        tag="calibration_jobs",
        body=CalibrationBody,
        responses=ACCEPTED,
        headers=HEADERS,
        faults=FAULTS,
    )
    async def post(self, request: Request) -> Response:
        return await start_calibration(request, kind="layers", taste_id=read_taste_id(request))


class CalibrationJobEndpoint(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}`."""

    @operation(
        summary="One calibration job",
        tag="calibration_jobs",
        responses={200: json_response("The calibration job", CALIBRATION_JOB_SCHEMA)},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(to_json(await _get_job(get_services(request).extract, _read_id(request))))


class CalibrationJobCancelEndpoint(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}/cancel`."""

    @operation(
        summary="Stop a calibration job; starting it again resumes it",
        tag="calibration_jobs",
        responses={200: json_response("The calibration job", CALIBRATION_JOB_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        cancellation = extract_pb2.CancelCalibrationJobRequest(calibration_job_id=_read_id(request))
        response = await get_services(request).extract.ask("CancelCalibrationJob", cancellation)
        return JSONResponse(to_json(response.calibration_job))


class CalibrationJobEventsEndpoint(HTTPEndpoint):
    """`/v1/calibration-jobs/{calibration_job_id}/events`."""

    @operation(
        summary="Follow a calibration job: an event `calibration_job` now and at every change, until it is final",
        tag="calibration_jobs",
        responses={200: ("A stream of events", "text/event-stream", {"type": "string"})},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        job_id, extract = _read_id(request), get_services(request).extract
        await _get_job(extract, job_id)  # 404 before the headers
        return EventStreamResponse(_watch(extract, job_id))


async def start_calibration(request: Request, *, kind: str, concept: str = "", taste_id: str = "") -> Response:
    """Starts or resumes a calibration job of a concept or of a taste; 202."""
    body = await read_json(request, CalibrationBody)
    values = body.model_dump() | {"kind": kind, "concept": concept, "taste_id": taste_id}
    return await start_job(request, fill_message(extract_pb2.StartCalibrationJobRequest(), values))


async def start_job(request: Request, start: extract_pb2.StartCalibrationJobRequest) -> Response:
    """202 with the calibration job and its location."""
    job = (await get_services(request).extract.ask("StartCalibrationJob", start)).calibration_job
    location = own_path(request, f"/v1/calibration-jobs/{job.calibration_job_id}")
    return JSONResponse(to_json(job), status_code=202, headers={"Location": location})


async def _get_job(extract: ServiceClient, job_id: str) -> extract_pb2.CalibrationJob:
    asked = extract_pb2.GetCalibrationJobRequest(calibration_job_id=job_id)
    job: extract_pb2.CalibrationJob = (await extract.ask("GetCalibrationJob", asked)).calibration_job
    return job


async def _watch(extract: ServiceClient, job_id: str) -> Events:
    """The job at every change until it is final. At the call's time limit the events end, and the client reconnects."""
    asked = extract_pb2.WatchCalibrationJobRequest(calibration_job_id=job_id)
    with suppress(DeadlineExceeded):
        async with aclosing(extract.listen("WatchCalibrationJob", asked)) as responses:
            async for response in responses:
                job = to_json(response.calibration_job)
                yield json_event("calibration_job", job)
                if job["state"] in _FINAL:
                    return


def _read_id(request: Request) -> str:
    return read_lower_path_id(request, "calibration_job_id", "calibration job")
