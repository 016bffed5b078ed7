"""Browser session: the API key or sign-in token in an HttpOnly cookie.

EventSource and WebSocket cannot send an Authorization header.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from resonance.identity import set_caller_key
from resonance.v1 import generate_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.middleware import KEY_COOKIE
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import read_json
from resonance_gateway.routes.app_state import get_services, get_settings
from resonance_gateway.schema.operations import operation

_COOKIE_S_MAX = 30 * 86_400
_KEY_LENGTH_MAX = 3800  # browsers keep cookies of 4096 bytes


class SessionBody(Body):
    """The API key, or the sign-in token, of the browser's user."""

    key: Annotated[str, Field(min_length=1, max_length=_KEY_LENGTH_MAX, pattern=r"^[A-Za-z0-9._-]+$")]


class SessionEndpoint(HTTPEndpoint):
    """`/v1/session`."""

    @operation(
        summary="Remember an API key in this browser, where one is asked for",
        tag="session",
        body=SessionBody,
        responses={204: ("Remembered", "", {})},
        faults=(400, 401, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, SessionBody)
        set_caller_key(body.key)
        await get_services(request).generate.ask("GetModel", generate_pb2.GetModelRequest())  # 401 for a wrong key
        answer = Response(status_code=204)
        answer.set_cookie(
            KEY_COOKIE,
            body.key,
            max_age=_COOKIE_S_MAX,
            httponly=True,
            samesite="strict",
            path=own_path(request, "/"),
            secure=_is_https(request),
        )
        return answer

    @operation(summary="Forget the API key in this browser", tag="session", responses={204: ("Forgotten", "", {})})
    async def delete(self, request: Request) -> Response:
        answer = Response(status_code=204)
        answer.delete_cookie(KEY_COOKIE, path=own_path(request, "/"), httponly=True, samesite="strict")
        return answer


def _is_https(request: Request) -> bool:
    """True where the browser speaks TLS: to this server, to a proxy that is trusted to say so, or to a public origin."""
    origin = request.headers.get("origin", "")
    is_public = origin in get_settings(request).public_origin_list and origin.startswith("https:")
    return request.url.scheme == "https" or is_public
