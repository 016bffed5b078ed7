"""Origins and hosts: the pages and names from which requests are taken."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from resonance.settings import Settings
from resonance_gateway.http.problems import http_exception_to_problem

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PUBLIC, _CORS = "RESONANCE_PUBLIC_ORIGINS", "RESONANCE_CORS_ORIGINS"
# What pages of the allow-list may send and read beside the headers that every page may.
_CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
_CORS_RESPONSE_HEADERS = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "Upload-Expires",
    "Upload-Offset",
    "X-Backend",
    "X-Duration-S",
    "X-Model",
    "X-Notices",
    "X-Queue-Place",
    "X-Queue-Wait-S",
    "X-Recipe-Id",
    "X-Request-Id",
    "X-Sample-Format",
    "X-Sample-Offset",
    "X-Sample-Rate",
    "X-Seed",
    "X-Steering",
)


class OwnPagesOnly:
    """Refuses requests that another site's page made a browser send.

    A server on loopback answers to loopback names and to the names of its public origins only (DNS rebinding). A request that changes
    something must come from a page of this server, of a public origin, or of the allow-list for CORS (forged forms). Programs send no
    Origin and are not affected.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        bound = settings.http_addr.rpartition(":")[0].strip("[]")
        public = {_hostname(urlsplit(origin).netloc) for origin in settings.public_origin_list}
        self._hosts = _LOOPBACK | {bound} | public if bound in _LOOPBACK else None
        self._origins = {*settings.public_origin_list, *settings.cors_origin_list}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            if self._hosts is not None and _hostname(host) not in self._hosts:
                refusal = HTTPException(
                    421,
                    f"this server does not answer to the host name {host[:100]!r}; where a proxy passes it on, name the "
                    f"page's address in {_PUBLIC}, such as https://music.example.com",
                )
                return await refuse(refusal, scope, receive, send)
            if scope.get("method") not in _SAFE_METHODS and self._is_foreign(headers, host):
                refusal = HTTPException(
                    403,
                    f"requests from pages of {headers.get('origin', 'another site')[:100]} are not allowed; name that "
                    f"origin in {_PUBLIC} where it is this server's own address, in {_CORS} where it is another site",
                )
                return await refuse(refusal, scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin in self._origins:
            return False
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return True
        return origin is not None and _netloc(origin) != host


def cors_middleware(app: ASGIApp, *, settings: Settings) -> ASGIApp:
    """Starlette's CORS for the pages of the allow-list. They send keys as headers: cookies of this server are never sent to them."""
    if not settings.cors_origin_list:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origin_list,
        allow_methods=("GET", "HEAD", "POST", "PATCH", "DELETE"),
        allow_headers=_CORS_REQUEST_HEADERS,
        expose_headers=_CORS_RESPONSE_HEADERS,
    )


async def refuse(refusal: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers an HTTP request with the problem; closes a WebSocket before it is accepted, which answers 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
        return
    await http_exception_to_problem(refusal)(scope, receive, send)


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None
