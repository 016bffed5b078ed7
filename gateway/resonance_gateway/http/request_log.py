"""Middleware: request id, trace, log line and metrics of every request, and the end of bodies that were cut."""

from __future__ import annotations

import re
import time

import structlog
from prometheus_client import Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance.ids import is_request_id, new_request_id
from resonance.telemetry.traces import current_trace_id, describe_response, request_span

HTTP_SECONDS = Histogram(
    "resonance_http_seconds",
    "Time from a request's arrival to the end of its response, by route and status; for streams the whole stream.",
    labelnames=("method", "route", "status"),
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
)
FIRST_AUDIO_SECONDS = Histogram(
    "resonance_http_first_audio_seconds",
    "Time from a request's arrival to the first byte of its sound.",
    labelnames=("route",),
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
OPEN_REQUESTS = Gauge("resonance_http_open", "Requests and sockets that are being answered.", labelnames=("kind",))
_SECRET = re.compile("(?<=/shared/).+", re.IGNORECASE | re.DOTALL)
_NO_ROUTE = "none"
_log = structlog.get_logger("gateway")


class BodyCutError(Exception):
    """A response body ended before its Content-Length."""


class RequestLog:
    """Outermost middleware. The client's `X-Request-Id` and `traceparent` are taken over where they are well formed.

    `X-Trace-Id` names the trace, by which the logs of all services are searched. `X-Request-Id` of a take is the take's own id.
    """

    def __init__(self, app: ASGIApp, *, routes: dict[object, str]) -> None:
        """`routes` gives each endpoint its path, so that metrics have as many labels as there are routes."""
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent_id = headers.get("x-request-id", "")
        request_id = sent_id if is_request_id(sent_id) else new_request_id()
        method = scope.get("method", "WEBSOCKET")
        with (
            request_span(dict(headers), method=method, request_id=request_id) as span,
            OPEN_REQUESTS.labels(kind=scope["type"]).track_inprogress(),
        ):
            answer = self._answer_socket if scope["type"] == "websocket" else self._answer
            status = await answer(scope, receive, send, request_id)
            describe_response(span, method=method, route=self._route(scope), status=status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        started_s, status, awaits_audio = time.perf_counter(), 0, False

        async def send_watched(message: Message) -> None:
            nonlocal status, awaits_audio
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Request-Id", request_id)
                if trace_id := current_trace_id():
                    headers["X-Trace-Id"] = trace_id
                awaits_audio = headers.get("content-type", "").startswith("audio/")
            elif awaits_audio and message.get("body"):
                awaits_audio = False
                FIRST_AUDIO_SECONDS.labels(route=self._route(scope)).observe(time.perf_counter() - started_s)
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except ClientDisconnect:
            status = 499
        except BodyCutError as cut:
            # The headers are sent. Returning early makes uvicorn close the connection short of Content-Length, which
            # tells an HTTP client that the body was cut.
            _log.warning("body cut", detail=str(cut))
        took_s = time.perf_counter() - started_s
        HTTP_SECONDS.labels(method=scope["method"], route=self._route(scope), status=str(status)).observe(took_s)
        took_ms = round(took_s * 1000, 1)
        _log.info("request", method=scope["method"], path=loggable_path(scope), status=status, took_ms=took_ms)
        return status

    async def _answer_socket(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        started_s, code = time.perf_counter(), 1006

        async def send_watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "websocket.close":
                code = message.get("code", 1000)
            await send(message)

        async def receive_watched() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", 1006)
            return message

        await self._app(scope, receive_watched, send_watched)
        took_s = time.perf_counter() - started_s
        HTTP_SECONDS.labels(method="WEBSOCKET", route=self._route(scope), status=str(code)).observe(took_s)
        _log.info("socket", path=loggable_path(scope), close_code=code, took_ms=round(took_s * 1000, 1))
        return 101

    def _route(self, scope: Scope) -> str:
        """The path of the route that answered; one name for all requests that no route answers."""
        return self._routes.get(scope.get("endpoint"), _NO_ROUTE)


def loggable_path(scope: Scope) -> str:
    """The path without a share link's token, which grants access to the take and must not be logged."""
    return _SECRET.sub("...", scope["path"])
