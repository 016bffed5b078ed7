"""Models: the loaded model and its capabilities."""

from __future__ import annotations

import asyncio

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import ResonanceError
from resonance.v1 import extract_pb2, generate_pb2
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.services import Services

_READER_S_MAX = 3.0

_MODELS = {
    "type": "object",
    "properties": {
        "models": {"type": "array", "items": message_schema("ModelInfo")},
        "backends": {"type": "array", "items": message_schema("BackendInfo")},
        "reader": {
            "type": ["string", "null"],
            "description": "The model at Google to which wishes and short clips of playlists are sent; empty where they stay "
            "in this installation, null where `extract` does not answer.",
        },
    },
    "required": ["models", "backends", "reader"],
}


class ModelsEndpoint(HTTPEndpoint):
    """`/v1/models`."""

    @operation(
        summary="The loaded models, and the backends that requests can name with how each control acts",
        tag="models",
        responses={200: json_response("The models", _MODELS)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        services = get_services(request)
        response, reader = await asyncio.gather(
            services.generate.ask("GetModel", generate_pb2.GetModelRequest()), _find_reader(services)
        )
        backends = [to_json(backend) for backend in response.backends]
        return JSONResponse({"models": [to_json(response.model)], "backends": backends, "reader": reader})


async def _find_reader(services: Services) -> str | None:
    try:
        answer = await services.extract.ask("GetExtractor", extract_pb2.GetExtractorRequest(), timeout_s=_READER_S_MAX)
    except ResonanceError:
        return None
    return str(answer.reader)
