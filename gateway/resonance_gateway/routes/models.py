"""Models: the loaded model and its capabilities."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import generate_pb2
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json

_MODELS = {
    "type": "object",
    "properties": {
        "models": {"type": "array", "items": message_schema("ModelInfo")},
        "backends": {"type": "array", "items": message_schema("BackendInfo")},
    },
    "required": ["models", "backends"],
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
        response = await get_services(request).generate.ask("GetModel", generate_pb2.GetModelRequest())
        backends = [to_json(backend) for backend in response.backends]
        return JSONResponse({"models": [to_json(response.model)], "backends": backends})
