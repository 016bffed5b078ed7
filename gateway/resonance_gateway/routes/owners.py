"""Usage of the caller, the caller's quotas, and the end of all that is the caller's."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import owners_pb2
from resonance_gateway.http.requests import read_path_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json

_DELETION_S_MAX = 300.0


class UsageEndpoint(HTTPEndpoint):
    """`/v1/usage`."""

    @operation(
        summary="What you used: calls of this minute, music and US dollars at Google of this day, bytes in the store, and your limits",
        tag="owners",
        responses={200: json_response("The usage", message_schema("Usage"))},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        response = await get_services(request).owners.ask("GetUsage", owners_pb2.GetUsageRequest())
        return JSONResponse(to_json(response.usage))


class OwnerEndpoint(HTTPEndpoint):
    """`/v1/owners/{owner_id}`."""

    @operation(
        summary="Delete everything that is yours: keys, open work, and all that is stored; the id is yours, as /v1/usage tells it",
        tag="owners",
        responses={200: json_response("What was deleted", message_schema("DeleteOwnerResponse"))},
        faults=(404, 409, 422, 503),
    )
    async def delete(self, request: Request) -> Response:
        deletion = owners_pb2.DeleteOwnerRequest(owner_id=read_path_id(request, "owner_id", "owner"))
        response = await get_services(request).owners.ask("DeleteOwner", deletion, timeout_s=_DELETION_S_MAX)
        return JSONResponse(to_json(response))
