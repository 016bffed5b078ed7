"""Links to a take's sound for players and people without a key; they expire and can be taken back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from resonance.errors import NotFound
from resonance_gateway.bodies import Body
from resonance_gateway.http.requests import name_in_path, open_services, read_json
from resonance_gateway.routes.takes import cut, parse_byte_range
from resonance_gateway.schema.limits_from_protos import rule
from resonance_gateway.schema.operations import json_response, message_schema, operation

_LINK = message_schema("ShareLink")
LINK_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "url": {"type": "string"}}
    | {name: schema for name, schema in _LINK["properties"].items() if name not in ("share_link_id", "token")},
    "required": ["id", "url", "direct_url", "byte_count", "sha256", "expire_time"],
}


class LinkBody(Body):
    """How long a link lives."""

    expire_s: Annotated[float, rule("CreateShareLinkRequest.expire_s", description="0 means an hour.")] = 0.0


class TakeLink(HTTPEndpoint):
    """`/v1/takes/{request_id}/link`."""

    @operation(
        summary="A link to the take's WAV that needs no key, expires, and can be taken back",
        tag="takes",
        body=LinkBody,
        responses={201: json_response("The link; its address is told once", LINK_SCHEMA)},
        faults=(400, 404, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, LinkBody)
        take_id = name_in_path(request, "request_id", "take")
        link = await open_services(request).make_link(take_id, body.expire_s)
        token, link_id = link.pop("token"), link.pop("share_link_id")
        return JSONResponse({"id": link_id, "url": f"/shared/{token}"} | link, status_code=201)


class Link(HTTPEndpoint):
    """`/v1/links/{link_id}`."""

    @operation(
        summary="Take a link back", tag="takes", responses={204: ("It is worthless now", "", {})}, faults=(404, 503)
    )
    async def delete(self, request: Request) -> Response:
        await open_services(request).revoke_link(_of_hexadecimals(request))
        return Response(status_code=204)


class Shared(HTTPEndpoint):
    """`/shared/{token}`: whoever has the link may hear it."""

    @operation(
        summary="The sound behind a link; one byte range is honoured",
        tag="takes",
        responses={
            200: ("The whole file", "audio/wav", {"type": "string", "format": "binary"}),
            206: ("The range", "audio/wav", {"type": "string", "format": "binary"}),
        },
        faults=(404, 416, 503),
    )
    async def get(self, request: Request) -> Response:
        token: str = request.path_params["token"]
        if not (token.isascii() and token.isalnum() and token == token.lower() and len(token) <= 64):
            raise NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")
        link, pieces = await open_services(request).read_link(token)
        size = int(link["byte_count"])
        headers = _headers_of(link)
        span = parse_byte_range(request.headers.get("range", ""), size)
        if span is None:
            await pieces.aclose()
            raise HTTPException(416, "the take is shorter than that", {"Content-Range": f"bytes */{size}"})
        start, end = span
        headers["Content-Length"] = str(end - start)
        if (start, end) != (0, size):
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        if request.method == "HEAD":
            await pieces.aclose()
            return Response(media_type="audio/wav", headers=headers)
        body = _closing(cut(pieces, start, end), pieces)
        status = 200 if (start, end) == (0, size) else 206
        return StreamingResponse(body, status_code=status, media_type="audio/wav", headers=headers)


def _headers_of(link: dict[str, Any]) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "ETag": f'"{link["sha256"]}"',
        "Content-Disposition": 'attachment; filename="resonance.wav"',
        "X-Robots-Tag": "noindex",
    }


def _of_hexadecimals(request: Request) -> str:
    name: str = request.path_params["link_id"]
    if len(name) != 64 or set(name) - set("0123456789abcdef"):
        raise NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")
    return name


async def _closing(
    body: AsyncGenerator[bytes, None], pieces: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces), aclosing(body):
        async for piece in body:
            yield piece
