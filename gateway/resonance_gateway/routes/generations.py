"""Making music: a checked body in, a WAV out that streams while it is made."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from resonance_gateway.bodies import GenerationBody
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import open_services, read_json, resolve_request_id
from resonance_gateway.http.take_response import HEADERS, RAW_TYPE, take_response
from resonance_gateway.schema.operations import operation


class Generations(HTTPEndpoint):
    """`/v1/generations`."""

    @operation(
        summary="Make a take and hear it while it is made",
        tag="generations",
        body=GenerationBody,
        responses={
            200: (
                "16-bit PCM WAV of exact length; with resume_sample_offset the raw samples that are left "
                "(application/octet-stream, s16le). A body that ends short of Content-Length was cut.",
                f"audio/wav, {RAW_TYPE}",
                {"type": "string", "format": "binary"},
            )
        },
        headers=HEADERS,
        faults=(400, 404, 409, 413, 415, 422, 429, 501, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, GenerationBody)
        request_id = resolve_request_id(request, body.request_id)
        return take_response(await cancel_on_disconnect(request, open_services(request).generate(body, request_id)))
