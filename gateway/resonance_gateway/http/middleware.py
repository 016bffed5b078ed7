"""Middleware: security headers, API keys, body limits."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance.errors import Unauthenticated
from resonance.identity import set_caller_key
from resonance_gateway.http.origins import refuse
from resonance_gateway.http.path_prefix import bare_path
from resonance_gateway.http.problems import to_problem
from resonance_gateway.http.requests import media_type

# No inline script or style, nothing from another origin. The worklets and the page's modules are files of this server.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
KEY_COOKIE = "resonance_key"
# An API key, or a sign-in token. All metadata of a gRPC call together may have 8 kB.
KEY_LENGTH_MAX = 6000
_KEY = re.compile(rf"[!-~]{{1,{KEY_LENGTH_MAX}}}")
# The two requests whose bodies are streamed on and never held in memory; only they have the upload limit.
_UPLOADS = {
    ("POST", "multipart/form-data"): re.compile("/v1/tastes"),
    ("PATCH", "application/offset+octet-stream"): re.compile("/v1/uploads/[^/]+"),
}
# The one path whose JSON may carry a melody and a sound to go on from.
_SOUNDS_PATH = "/v1/generations"
# The paths that take a sound file as their body.
_SOUND_FILE_PATHS = ("/v1/verifications", "/v1/transcriptions")


class SecurityHeaders:
    """Adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class CallerKey:
    """Reads the API key of a request and passes it on to the services, which check it.

    Programs send `Authorization: Bearer KEY`. Browsers cannot set headers for EventSource and WebSocket, so they send
    the cookie of `/v1/session`.
    """

    def __init__(self, app: ASGIApp, *, is_required: bool) -> None:
        self._app = app
        self._is_required = is_required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            key = read_api_key(HTTPConnection(scope))
            if self._is_required and not key and scope["type"] == "http" and _is_guarded(bare_path(scope)):
                error = Unauthenticated("send your API key: Authorization: Bearer KEY", reason="KEY_REQUIRED")
                return await to_problem(error)(scope, receive, send)
            set_caller_key(key)
        return await self._app(scope, receive, send)


def read_api_key(connection: HTTPConnection) -> str:
    """The API key of a request; empty without one, or for a text that gRPC metadata cannot carry."""
    kind, _, text = connection.headers.get("authorization", "").partition(" ")
    key = text.strip() if kind.lower() == "bearer" else connection.cookies.get(KEY_COOKIE, "")
    return key if _KEY.fullmatch(key) else ""


def _is_guarded(path: str) -> bool:
    return path.startswith("/v1/") and path not in ("/v1/openapi.json", "/v1/session")


class BodyLimit:
    """Refuses bodies beyond the limit: by Content-Length at once, else as soon as too many bytes have arrived."""

    def __init__(self, app: ASGIApp, *, json_bytes_max: int, sounds_bytes_max: int, upload_bytes_max: int) -> None:
        self._app = app
        self._json_bytes_max, self._upload_bytes_max = json_bytes_max, upload_bytes_max
        self._sounds_bytes_max = sounds_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit, is_upload = self._find_limit(scope)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            return await refuse(_too_large(limit, is_upload), scope, receive, send)
        seen = 0

        async def receive_bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit, is_upload)
            return message

        return await self._app(scope, receive_bounded, send)

    def _find_limit(self, scope: Scope) -> tuple[int, bool]:
        """The limit in bytes, and whether the body holds files."""
        asked = (scope["method"], media_type(HTTPConnection(scope)))
        if any(asked == upload and place.fullmatch(bare_path(scope)) for upload, place in _UPLOADS.items()):
            return self._upload_bytes_max, True
        if bare_path(scope) in _SOUND_FILE_PATHS:
            return self._upload_bytes_max, True
        return self._json_bytes_max + (self._sounds_bytes_max if bare_path(scope) == _SOUNDS_PATH else 0), False


def _too_large(limit: int, is_upload: bool) -> HTTPException:
    size = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit // 1000} kB"
    if is_upload:
        return HTTPException(413, f"the files together are larger than {size}: send fewer or smaller ones")
    return HTTPException(413, f"the body may have at most {size}")
