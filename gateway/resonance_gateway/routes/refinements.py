"""Refinements: words, sliders and concepts in, changed ones out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import extract_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import read_json
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.recipes import SlidersBody
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json

_REFINE_S_MAX = 40.0  # extract may ask a language model first


class ConceptPositionBody(Body):
    """A concept with a position like a slider's."""

    name: Annotated[str, rule("ConceptPosition.name")]
    position: Annotated[float, rule("ConceptPosition.position")]


class RefinementBody(Body):
    """Words, and where the sliders stand."""

    text: Annotated[
        str, rule("RefineRequest.text", description="What shall change: “more bass, a touch less tense”, “dreamier”.")
    ]
    sliders: SlidersBody = SlidersBody()
    previous: Annotated[SlidersBody | None, Field(description="Before the last change; what “undo” goes back to.")] = (
        None
    )
    concepts: Annotated[list[ConceptPositionBody], items("RefineRequest.concepts")] = []
    previous_concepts: Annotated[list[ConceptPositionBody], items("RefineRequest.previous_concepts")] = []
    prompt: Annotated[
        str, rule("RefineRequest.prompt", description="The prompt in hand; a phrase's concept is made for it, too.")
    ] = ""


class RefinementsEndpoint(HTTPEndpoint):
    """`/v1/refinements`."""

    @operation(
        summary="Turn words such as “more bass, a touch less tense” or “dreamier” into slider and concept positions",
        tag="refinements",
        body=RefinementBody,
        responses={200: json_response("The sliders after the change, and why", message_schema("RefineResponse"))},
        faults=(400, 413, 415, 422, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, RefinementBody)
        refine = fill_message(extract_pb2.RefineRequest(), body.model_dump(exclude_none=True))
        asking = get_services(request).extract.ask("Refine", refine, timeout_s=_REFINE_S_MAX)
        return JSONResponse(to_json(await cancel_on_disconnect(request, asking)))
