"""Adoption: how far the loaded model is made ready."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import extract_pb2
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json

_ADOPTION = message_schema("Adoption")


class AdoptionEndpoint(HTTPEndpoint):
    """`/v1/adoption`."""

    @operation(
        summary="How far the loaded model is made ready: parts, progress and time left",
        tag="models",
        responses={200: json_response("The adoption", _ADOPTION)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        response = await get_services(request).extract.ask("GetAdoption", extract_pb2.GetAdoptionRequest())
        return JSONResponse(to_json(response.adoption))

    @operation(
        summary="Make the loaded model ready in the background, or go on with it; finished parts are not made again",
        tag="models",
        responses={202: json_response("It runs; ask again for its progress", _ADOPTION)},
        faults=(503,),
    )
    async def post(self, request: Request) -> Response:
        response = await get_services(request).extract.ask("StartAdoption", extract_pb2.StartAdoptionRequest())
        return JSONResponse(to_json(response.adoption), status_code=202)
