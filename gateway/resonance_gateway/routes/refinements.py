"""Refinements: words and sliders in, changed sliders with an explanation out. Nothing is stored."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance_gateway.bodies import RefinementBody
from resonance_gateway.operations import json_response, message_schema, operation
from resonance_gateway.presence import while_present
from resonance_gateway.requests import backends_of, read_json


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
        return JSONResponse(await while_present(request, backends_of(request).refine(body)))
