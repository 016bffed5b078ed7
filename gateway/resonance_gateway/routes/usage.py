"""Usage of the caller and the caller's quotas."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import owners_pb2
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json


class UsageEndpoint(HTTPEndpoint):
    """`/v1/usage`."""

    @operation(
        summary="What you used: calls of this minute, seconds of music of this day, bytes in the store, and your quotas",
        tag="session",
        responses={200: json_response("The usage", message_schema("Usage"))},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        response = await get_services(request).owners.ask("GetUsage", owners_pb2.GetUsageRequest())
        return JSONResponse(to_json(response.usage))
