"""The reference of varied music.

Tastes are contrasted with it, and strengths are measured by it.
"""

from __future__ import annotations

from typing import Annotated

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import extract_pb2
from resonance_gateway.http.bodies import NOT_BLANK, Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import read_json
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.calibration_jobs import ACCEPTED, FAULTS, HEADERS, start_job
from resonance_gateway.routes.concepts import MusicBody
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json


class ReferenceBody(Body):
    """Varied music that becomes the model's reference; where nothing is named, takes of twelve genres."""

    music: Annotated[list[MusicBody], items("StartCalibrationJobRequest.music")] = []
    prompts: Annotated[
        list[Annotated[str, rule("StartCalibrationJobRequest.prompts", min_length=1, pattern=NOT_BLANK)]],
        items("StartCalibrationJobRequest.prompts"),
    ] = []
    clip_s: Annotated[float, rule("StartCalibrationJobRequest.clip_s")] = 0.0


class ReferenceEndpoint(HTTPEndpoint):
    """`/v1/reference`."""

    @operation(
        summary="The reference that tastes are contrasted with and strengths are measured by",
        tag="calibration_jobs",
        responses={200: json_response("The reference in force", message_schema("ReferenceSummary"))},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        extract = get_services(request).extract
        # extract may have to compute the reference first, so the limit is a stream's.
        asking = extract.ask("GetReference", extract_pb2.GetReferenceRequest(), timeout_s=extract.stream_s_max)
        return JSONResponse(to_json((await cancel_on_disconnect(request, asking)).reference))

    @operation(
        summary="Compute the model's reference from varied music, in the background; tastes and concepts made afterwards use it",
        tag="calibration_jobs",
        body=ReferenceBody,
        responses=ACCEPTED,
        headers=HEADERS,
        faults=FAULTS,
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, ReferenceBody)
        values = body.model_dump(exclude_none=True) | {"kind": "reference"}
        return await start_job(request, fill_message(extract_pb2.StartCalibrationJobRequest(), values))
