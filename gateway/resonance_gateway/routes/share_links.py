"""Share links: audio of a take without an API key."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.audio.delivery.tags import provenance_of_wav
from resonance.audio.wav import read_wav
from resonance.errors import NotFound
from resonance.v1 import shares_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import read_json, read_path_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import FILE_RESPONSES, DeliveryQuery, read_query_choice, send_kept
from resonance_gateway.routes.shared_page import send_page, wants_page
from resonance_gateway.schema.limits_from_protos import rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.kept_files import WholeSound

# Any page may play a shared sound: the token is the credential, and nothing else of the caller is looked at.
_SHARED_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; media-src 'self'; frame-ancestors *",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Robots-Tag": "noindex",
}
_LINK = message_schema("ShareLink")
LINK_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "url": {"type": "string"}}
    | {name: schema for name, schema in _LINK["properties"].items() if name not in ("share_link_id", "token")},
    "required": ["id", "url", "direct_url", "byte_count", "sha256", "expire_time"],
}


class LinkBody(Body):
    """The lifetime of a link."""

    expire_s: Annotated[float, rule("CreateShareLinkRequest.expire_s", description="0 means an hour.")] = 0.0


class TakeLinkEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/link`."""

    @operation(
        summary="A link to the take as a file, which needs no key, expires, and can be revoked",
        tag="takes",
        body=LinkBody,
        responses={201: json_response("The link; its address is sent only once", LINK_SCHEMA)},
        faults=(400, 404, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, LinkBody)
        take_id = read_path_id(request, "request_id", "take")
        creation = shares_pb2.CreateShareLinkRequest(request_id=take_id, expire_s=body.expire_s)
        link = to_json((await get_services(request).shares.ask("CreateShareLink", creation)).share_link)
        token, link_id = link.pop("token"), link.pop("share_link_id")
        return JSONResponse({"id": link_id, "url": own_path(request, f"/shared/{token}")} | link, status_code=201)


class ShareLinkEndpoint(HTTPEndpoint):
    """`/v1/links/{link_id}`."""

    @operation(summary="Revoke a link", tag="takes", responses={204: ("Revoked", "", {})}, faults=(404, 503))
    async def delete(self, request: Request) -> Response:
        revocation = shares_pb2.RevokeShareLinkRequest(share_link_id=_read_link_id(request))
        await get_services(request).shares.ask("RevokeShareLink", revocation)
        return Response(status_code=204)


class SharedAudioEndpoint(HTTPEndpoint):
    """`/shared/{token}`: the audio behind a link, without an API key; its page where a browser opens the link."""

    @operation(
        summary="The sound behind a link as a file; one byte range is honoured. Accept: text/html gives the page",
        tag="takes",
        query=DeliveryQuery,
        any_query=True,
        responses=FILE_RESPONSES,
        faults=(404, 406, 412, 416, 422, 503),
    )
    async def get(self, request: Request) -> Response:
        if wants_page(request):
            return await send_page(request, _read_token(request))
        choice = read_query_choice(request, ignores_others=True)
        reading = shares_pb2.ReadShareLinkRequest(token=_read_token(request))
        responses = get_services(request).shares.listen("ReadShareLink", reading)
        async with aclosing(responses):
            link = (await anext(responses)).share_link

            async def read_sound() -> WholeSound:
                data = b"".join([response.data async for response in responses])
                rate_hz, channel_count, pcm, info = await asyncio.to_thread(read_wav, data)
                provenance = provenance_of_wav(info)
                return WholeSound(pcm=pcm, sample_rate_hz=rate_hz, channel_count=channel_count, provenance=provenance)

            return await send_kept(
                request,
                link.sha256,
                choice,
                read_sound,
                headers=_SHARED_HEADERS,
                stem="resonance",
                disposition="inline",
            )


def _read_token(request: Request) -> str:
    token: str = request.path_params["token"]
    if not (token.isascii() and token.isalnum() and token == token.lower() and len(token) <= 64):
        raise NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")
    return token


def _read_link_id(request: Request) -> str:
    link_id: str = request.path_params["link_id"]
    if len(link_id) != 64 or set(link_id) - set("0123456789abcdef"):
        raise NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")
    return link_id
