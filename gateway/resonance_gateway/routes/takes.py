"""Takes: the library, their description and their audio."""

from __future__ import annotations

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.ids import sha256_hex
from resonance.v1 import generate_pb2
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import read_path_id, read_query
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import FILE_RESPONSES, DeliveryQuery, read_query_choice, send_kept
from resonance_gateway.routes.take_response import HEADERS, take_headers
from resonance_gateway.schema.fields import PageQuery
from resonance_gateway.schema.operations import json_response, message_schema, operation, page_schema
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.kept_files import WholeSound
from resonance_gateway.services.take_stream import describe_take
from resonance_gateway.services.takes import read_whole, replay_take

_TAKE = message_schema("Take")


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


class TakeTimelineEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/timeline`."""

    @operation(
        summary="Which recipe acted when in a take, and how much of each slider the model's states show",
        tag="takes",
        responses={200: json_response("The timeline", message_schema("TakeTimeline"))},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        asked = generate_pb2.GetTakeTimelineRequest(request_id=_read_take_id(request))
        response = await get_services(request).generate.ask("GetTakeTimeline", asked)
        return JSONResponse(to_json(response.timeline))


class TakeAudioEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/audio`."""

    @operation(
        summary="A finished take as a file; one byte range, If-Range, If-None-Match and If-Match are honoured",
        tag="takes",
        query=DeliveryQuery,
        responses=FILE_RESPONSES,
        headers=HEADERS,
        faults=(404, 406, 412, 416, 422, 503),
    )
    async def get(self, request: Request) -> Response:
        return await cancel_on_disconnect(request, _send_audio(request, _read_take_id(request)))


async def _send_audio(request: Request, request_id: str) -> Response:
    choice = read_query_choice(request)
    services = get_services(request)
    asked = generate_pb2.GetTakeRequest(request_id=request_id)
    take = (await services.generate.ask("GetTake", asked)).take
    headers = take_headers(describe_take(take)) | {"X-Request-Id": request_id}

    async def read_sound() -> WholeSound:
        return await read_whole(await replay_take(services, request_id))

    digest = take.audio_sha256 or sha256_hex(take.SerializeToString(deterministic=True))
    stem = f"resonance-{request_id}"
    return await send_kept(request, digest, choice, read_sound, headers=headers, stem=stem)


def _read_take_id(request: Request) -> str:
    return read_path_id(request, "request_id", "take")
