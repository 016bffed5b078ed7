"""Takes: the library, their description and their audio."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import generate_pb2
from resonance_gateway.http.byte_ranges import Sound, ranged_response
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import read_path_id, read_query
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.take_response import HEADERS, build_wav_header, stream_pcm, take_headers
from resonance_gateway.schema.fields import PageQuery
from resonance_gateway.schema.operations import json_response, message_schema, operation, page_schema
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.takes import replay_take

_TAKE = message_schema("Take")
_WAV = {"type": "string", "format": "binary"}


class TakesEndpoint(HTTPEndpoint):
    """`/v1/takes`."""

    @operation(
        summary="List finished takes, newest first",
        tag="takes",
        query=PageQuery,
        responses={200: json_response("One page", page_schema("takes", _TAKE))},
        faults=(422, 503),
    )
    async def get(self, request: Request) -> Response:
        page = read_query(request, PageQuery)
        listing = generate_pb2.ListTakesRequest(page_size=page.page_size, page_token=page.page_token)
        response = await get_services(request).generate.ask("ListTakes", listing)
        takes = [to_json(take) for take in response.takes]
        return JSONResponse({"takes": takes, "next_page_token": response.next_page_token})


class TakeEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}`."""

    @operation(
        summary="One finished take", tag="takes", responses={200: json_response("The take", _TAKE)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        asked = generate_pb2.GetTakeRequest(request_id=_read_take_id(request))
        return JSONResponse(to_json((await get_services(request).generate.ask("GetTake", asked)).take))

    @operation(
        summary="Remove a take and its audio", tag="takes", responses={204: ("Removed", "", {})}, faults=(404, 503)
    )
    async def delete(self, request: Request) -> Response:
        removal = generate_pb2.DeleteTakeRequest(request_id=_read_take_id(request))
        await get_services(request).generate.ask("DeleteTake", removal)
        return Response(status_code=204)


class TakeAudioEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/audio`."""

    @operation(
        summary="A finished take's WAV; one byte range, If-Range, If-None-Match and If-Match are honoured",
        tag="takes",
        responses={
            200: ("The whole file", "audio/wav", _WAV),
            206: ("The range", "audio/wav", _WAV),
            304: ("The client has it already", "", {}),
        },
        headers=HEADERS,
        faults=(404, 412, 416, 503),
    )
    async def get(self, request: Request) -> Response:
        return await cancel_on_disconnect(request, _send_audio(request, _read_take_id(request)))


async def _send_audio(request: Request, request_id: str) -> Response:
    take = await replay_take(get_services(request), request_id)
    header = build_wav_header(take.opening)
    headers = take_headers(take.opening) | {"X-Request-Id": request_id}
    headers["Content-Disposition"] = f'attachment; filename="resonance-{request_id}.wav"'
    sound = Sound(
        size=len(header) + take.byte_count, etag=take.opening.audio_sha256, media_type="audio/wav", headers=headers
    )
    return await ranged_response(request, sound, stream_pcm(take, header), take.close)


def _read_take_id(request: Request) -> str:
    return read_path_id(request, "request_id", "take")
