"""Refinements: words and sliders in, changed sliders with an explanation out. Nothing is stored."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance_gateway.bodies import RefinementBody
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import open_services, read_json
from resonance_gateway.schema.operations import json_response, message_schema, operation


class Refinements(HTTPEndpoint):
    """`/v1/refinements`."""

    @operation(
        summary="Turn words such as “more bass, a touch less tense” into slider positions",
        tag="refinements",
        body=RefinementBody,
        responses={200: json_response("The sliders after the change, and why", message_schema("RefineResponse"))},
        faults=(400, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, RefinementBody)
        return JSONResponse(await cancel_on_disconnect(request, open_services(request).refine(body)))
