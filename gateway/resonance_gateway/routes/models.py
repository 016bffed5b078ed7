"""What the loaded model is and can do."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance_gateway.http.requests import open_services
from resonance_gateway.schema.operations import json_response, message_schema, operation

_MODELS = {
    "type": "object",
    "properties": {"models": {"type": "array", "items": message_schema("ModelInfo")}},
    "required": ["models"],
}


class Models(HTTPEndpoint):
    """`/v1/models`."""

    @operation(
        summary="The loaded models", tag="models", responses={200: json_response("The models", _MODELS)}, faults=(503,)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse({"models": [await open_services(request).model()]})
