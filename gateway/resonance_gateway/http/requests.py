"""Reading a request: its JSON, its query, and the id that makes sending it twice harmless."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from resonance.errors import NotFound, invalid_field
from resonance.ids import is_request_id, new_request_id
from resonance_gateway.bodies import check, parse
from resonance_gateway.services.services import Services

Model = TypeVar("Model", bound=BaseModel)


def open_services(request: Request) -> Services:
    """The open backends of this application."""
    backends: Services = request.app.state.backends
    return backends


async def read_json(request: Request, model: type[Model]) -> Model:
    """The checked JSON body; 415 for another content type, 400 for what is not JSON, 422 for faults."""
    kind = media_type(request)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, "send JSON with Content-Type: application/json")
    return parse(model, await request.body())


def read_query(request: Request, model: type[Model]) -> Model:
    """The checked query."""
    return check(model, dict(request.query_params))


def media_type(request: HTTPConnection) -> str:
    """The content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def resolve_request_id(request: Request, in_body: str | None) -> str:
    """The caller's id from `Idempotency-Key` or the body; a fresh one where there is none."""
    header = request.headers.get("idempotency-key", "").strip().strip('"')
    if header and not is_request_id(header):
        raise invalid_field("Idempotency-Key", "MALFORMED", "must be 1 to 64 letters, digits, - or _")
    if header and in_body and header != in_body:
        raise invalid_field("request_id", "CONFLICT", "must be the same as the Idempotency-Key header")
    return header or in_body or new_request_id()


def name_in_path(request: Request, key: str, what: str) -> str:
    """An id of the path. What cannot be an id names nothing, so it is not found rather than malformed."""
    name: str = request.path_params[key]
    if not is_request_id(name):
        raise NotFound(f"there is no {what} of that name")
    return name


def taste_id_in_path(request: Request) -> str:
    """The taste's id of the path; ids of tastes are lower-case."""
    name = name_in_path(request, "taste_id", "taste")
    if name != name.lower():
        raise NotFound("there is no taste of that name")
    return name


def concept_name_in_path(request: Request) -> str:
    """The concept's name of the path: lower-case, a letter first."""
    name = name_in_path(request, "name", "concept")
    if name != name.lower() or not name[0].isalpha():
        raise NotFound("there is no concept of that name")
    return name
