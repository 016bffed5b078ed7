"""Problem documents (RFC 9457) of all errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from resonance import errors
from resonance.errors import FieldViolation, ResonanceError
from resonance.rpc import to_http_status
from resonance_gateway.http.bodies import MalformedError
from resonance_gateway.http.openai_errors import is_openai_route, to_openai_error

MEDIA_TYPE = "application/problem+json"

_TITLES: dict[type[ResonanceError], str] = {
    errors.InvalidInput: "The request has faults",
    errors.NotFound: "Not found",
    errors.Conflict: "The id or name is already used",
    errors.FailedPrecondition: "Not possible in the present state",
    errors.Unsupported: "Not supported by this model or server",
    errors.Overloaded: "The server is full",
    errors.Unavailable: "A service cannot be reached",
    errors.DeadlineExceeded: "Timed out",
    errors.Cancelled: "Cancelled",
    errors.PermissionDenied: "Not allowed",
    errors.Unauthenticated: "API key required",
    errors.DataLoss: "Stored data is damaged",
}

# Errors of HTTP itself, before a service is called: status -> (reason, sentence).
_HTTP_REASONS: dict[int, tuple[str, str]] = {
    400: ("MALFORMED_REQUEST", "the request cannot be read"),
    403: ("FORBIDDEN", "requests from pages of other sites are not allowed"),
    404: ("ROUTE_NOT_FOUND", "there is no such path; /v1/openapi.json lists the paths"),
    412: ("PRECONDITION_FAILED", "the condition of the request does not hold"),
    405: ("METHOD_NOT_ALLOWED", "this path does not support the method; see the Allow header"),
    406: ("NOT_ACCEPTABLE", "this path has none of the media types of the Accept header"),
    413: ("BODY_TOO_LARGE", "the body is too large"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "this path does not read the body's content type"),
    421: ("WRONG_HOST", "this server does not answer to that host name"),
}


class ProblemResponse(JSONResponse):
    """A JSON response of the problem media type."""

    media_type = MEDIA_TYPE


def to_problem(error: ResonanceError, **more: Any) -> ProblemResponse:
    """The response for a domain error."""
    fields = problem_fields(error) | more
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.Unauthenticated) else None
    return _respond(fields, retry_after_s=error.retry_after_s, headers=headers)


def problem_fields(error: ResonanceError) -> dict[str, Any]:
    """The members of the problem document."""
    title = next((title for kind, title in _TITLES.items() if isinstance(error, kind)), "Internal error")
    return _build_fields(
        status=to_http_status(error), reason=error.reason, title=title, detail=error.message, faults=error.violations
    )


async def on_resonance_error(request: Request, error: Exception) -> ProblemResponse:
    """Exception handler of domain errors."""
    assert isinstance(error, ResonanceError)
    return to_problem(error)


async def on_malformed(request: Request, error: Exception) -> ProblemResponse:
    """Exception handler of bodies that are not JSON or not multipart."""
    fields = _build_fields(status=400, reason="MALFORMED_REQUEST", title="The body cannot be read", detail=str(error))
    return _respond(fields)


async def on_http_exception(request: Request, error: Exception) -> ProblemResponse:
    """Exception handler of HTTP errors: no such route, no such method, too large."""
    assert isinstance(error, HTTPException)
    return http_exception_to_problem(error)


def http_exception_to_problem(error: HTTPException) -> ProblemResponse:
    """The response for an HTTP error; middleware sends it itself, because it runs outside the exception handlers."""
    phrase = HTTPStatus(error.status_code).phrase
    reason, sentence = _HTTP_REASONS.get(error.status_code, ("HTTP_ERROR", phrase))
    detail = sentence if error.detail == phrase else error.detail
    fields = _build_fields(status=error.status_code, reason=reason, title=phrase, detail=detail)
    return _respond(fields, headers=error.headers)


async def on_unexpected(request: Request | None, error: Exception) -> JSONResponse:
    """Exception handler of everything else: a bug. The traceback goes to the log, no detail to the client."""
    problem = ResonanceError("internal error; see the gateway's log", reason="INTERNAL")
    if request is not None and is_openai_route(
        request.scope
    ):  # this handler answers outside of the middleware that translates
        return JSONResponse(to_openai_error(problem_fields(problem)), status_code=500)
    return to_problem(problem)


HANDLERS: Mapping[Any, Any] = {
    ResonanceError: on_resonance_error,
    MalformedError: on_malformed,
    HTTPException: on_http_exception,
    Exception: on_unexpected,
}


def _build_fields(
    *, status: int, reason: str, title: str, detail: str, faults: tuple[FieldViolation, ...] = ()
) -> dict[str, Any]:
    return {
        "type": f"urn:resonance:problem:{reason.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason,
        "errors": [{"field": fault.field, "reason": fault.reason, "message": fault.message} for fault in faults],
    }


def _respond(
    fields: dict[str, Any], *, retry_after_s: float | None = None, headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    sent = dict(headers or {})
    if retry_after_s is not None:
        sent["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    return ProblemResponse(fields, status_code=fields["status"], headers=sent)
