"""Lanes: the file of a take, and the music of such a file."""

from __future__ import annotations

import json
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import InvalidInput
from resonance.lanes import LanesFile, LanesRequest, build_lanes_request, read_lanes, take_lanes, write_lanes
from resonance.lanes.document import ENDING
from resonance.rpc.validation import validate
from resonance.v1 import generate_pb2
from resonance_gateway.http.bodies import MalformedError
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import media_type, read_path_id, read_query, resolve_request_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import BINARY, MEDIA_TYPES, FormatQuery, get_delivery, read_choice
from resonance_gateway.routes.recipe_changes import to_generation_json
from resonance_gateway.routes.take_response import HEADERS, take_response
from resonance_gateway.schema.operations import json_response, operation
from resonance_gateway.services.takes import generate_take

_FILE_SCHEMA = LanesFile.model_json_schema(ref_template="#/components/schemas/{model}")


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its parts in place of references to them."""
    parts = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if name := str(node.get("$ref", "")).rpartition("/")[2]:
                return inline(parts[name])
            return {key: inline(value) for key, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    inlined: dict[str, Any] = inline(schema)
    return inlined


LANES_SCHEMA = _inlined(_FILE_SCHEMA)
REQUEST_SCHEMA = {
    "type": "object",
    "properties": {
        "generation": {"type": "object", "description": "A body of POST /v1/generations."},
        "notices": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["generation", "notices"],
}


class TakeLanesEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/lanes`."""

    @operation(
        summary="The lanes of a take as a file (*.resonance.json): curves, words, seed and digests",
        tag="takes",
        responses={200: json_response("The file", LANES_SCHEMA)},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        request_id = read_path_id(request, "request_id", "take")
        asked = generate_pb2.GetTakeRequest(request_id=request_id)
        lanes = take_lanes((await get_services(request).generate.ask("GetTake", asked)).take)
        name = f'attachment; filename="resonance-{request_id}{ENDING}"'
        return Response(write_lanes(lanes), media_type="application/json", headers={"Content-Disposition": name})


class LanesEndpoint(HTTPEndpoint):
    """`/v1/lanes`."""

    @operation(
        summary="Make the music of a lanes file and hear it while it is made; an edit at a time changes no sample before it",
        tag="takes",
        body=LanesFile,
        query=FormatQuery,
        responses={200: ("The take, as of POST /v1/generations", MEDIA_TYPES, BINARY)},
        headers=HEADERS,
        faults=(400, 404, 406, 409, 413, 415, 422, 429, 501, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        query = read_query(request, FormatQuery)
        asked = await _read(request)
        asked.request.request_id = resolve_request_id(request, None)
        choice = read_choice(request, name=query.format, raw=False, level=True)
        take = await cancel_on_disconnect(request, generate_take(get_services(request), asked.request))
        response = take_response(take, get_delivery(request), choice, resume_sample_offset=0)
        if asked.notices:
            response.headers["X-Notices"] = json.dumps([*asked.notices, *take.opening.notices])
        return response


class LanesRequestEndpoint(HTTPEndpoint):
    """`/v1/lanes/request`."""

    @operation(
        summary="What a lanes file asks for, without making it: the body of POST /v1/generations, and what will be otherwise",
        tag="takes",
        body=LanesFile,
        responses={200: json_response("The body and the notices", REQUEST_SCHEMA)},
        faults=(400, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        asked = await _read(request)
        return JSONResponse({"generation": to_generation_json(asked.request), "notices": list(asked.notices)})


async def _read(request: Request) -> LanesRequest:
    if media_type(request) != "application/json":
        raise HTTPException(415, "send JSON with Content-Type: application/json")
    try:
        lanes = read_lanes(await request.body())
    except InvalidInput as fault:
        if fault.reason == "NOT_JSON":
            raise MalformedError(fault.message) from fault
        raise
    model = (await get_services(request).generate.ask("GetModel", generate_pb2.GetModelRequest())).model
    asked = build_lanes_request(lanes, model)
    validate(asked.request)
    return asked
