"""Errors in OpenAI's shape on the routes that follow its API.

Handlers and middleware answer with problem documents on every route. The middleware here translates the ones under `/v1/audio/`, so
that a client made for OpenAI reads message, parameter and code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance_gateway.http.path_prefix import bare_path

PREFIX = "/v1/audio/"
_PROBLEM = "application/problem+json"
_CODES = {
    "REQUIRED": "missing_required_parameter",
    "UNKNOWN_FIELD": "unknown_parameter",
    "WRONG_TYPE": "invalid_type",
    "KEY_REQUIRED": "invalid_api_key",
    "KEY_NOT_VALID": "invalid_api_key",
    "QUEUE_FULL": "rate_limit_exceeded",
    "OWNER_QUEUE_FULL": "rate_limit_exceeded",
}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}


def is_openai_route(scope: Scope) -> bool:
    """True for requests to a route that follows OpenAI's API."""
    return scope["type"] == "http" and bare_path(scope).startswith(PREFIX)


def openai_status(status: int) -> int:
    """OpenAI's status for ours: faults of a body are 400 there."""
    return 400 if status == 422 else status


def to_openai_error(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a problem document as OpenAI's error object. `code` is our reason in lower case where OpenAI has no name for it."""
    fault = next(iter(problem["errors"]), None)
    reason = fault["reason"] if fault else problem["reason"]
    kind = "server_error" if problem["status"] >= 500 else "invalid_request_error"
    if problem["status"] == 429:
        kind = "requests"
    return {
        "error": {
            "message": problem["detail"],
            "type": kind,
            "param": fault["field"] if fault else None,
            "code": _CODES.get(reason, reason.lower()),
        }
    }


class OpenAiErrors:
    """Middleware that sends the problem documents of OpenAI's routes as OpenAI's error objects."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_openai_route(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def translate(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is not None and message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await _send_error(start, bytes(body), send)
            else:
                await send(message)

        await self._app(scope, receive, translate)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(_PROBLEM)


async def _send_error(start: Message, problem: bytes, send: Send) -> None:
    body = json.dumps(to_openai_error(json.loads(problem))).encode() if problem else b""
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["Content-Type"] = "application/json"
    if problem:  # the answer to HEAD has none
        headers["Content-Length"] = str(len(body))
    await send({**start, "status": openai_status(start["status"]), "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
