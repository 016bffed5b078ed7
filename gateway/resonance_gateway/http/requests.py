"""Reading of requests: JSON, query, path ids, idempotency key."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from resonance.errors import InvalidInput, NotFound, invalid_field, violation
from resonance.ids import is_request_id, new_request_id
from resonance_gateway.http.bodies import check, parse

Model = TypeVar("Model", bound=BaseModel)


class NoQuery(BaseModel):
    """The query of a path that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


async def read_json(request: Request, model: type[Model]) -> Model:
    """The checked JSON body; 415 for another content type, 400 for what is not JSON, 422 for faults."""
    kind = media_type(request)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, "send JSON with Content-Type: application/json")
    return parse(model, await request.body())


def read_query(request: Request, model: type[Model]) -> Model:
    """The checked query; 422 for unknown, repeated and wrong parameters."""
    names = [name for name, _ in request.query_params.multi_items()]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        faults = tuple(violation(name[:64], "REPEATED", "must be given once") for name in repeated)
        raise InvalidInput("; ".join(f"{fault.field}: {fault.message}" for fault in faults), violations=faults)
    return check(model, dict(request.query_params))


def media_type(connection: HTTPConnection) -> str:
    """The content type without its parameters, in lower case."""
    return connection.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepts_events(request: Request) -> bool:
    """True if the client asks for server-sent events."""
    return "text/event-stream" in request.headers.get("accept", "")


def prefers_async(request: Request) -> bool:
    """True for `Prefer: respond-async` (RFC 7240): the client does not wait for the result."""
    wishes = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(wish.partition(";")[0].strip() == "respond-async" for wish in wishes)


def resolve_request_id(request: Request, in_body: str | None) -> str:
    """The client's id from `Idempotency-Key` or the body; a new one where it sent none."""
    header = request.headers.get("idempotency-key", "").strip().strip('"')
    if header and not is_request_id(header):
        raise invalid_field("Idempotency-Key", "MALFORMED", "must be 1 to 64 letters, digits, - or _")
    if header and in_body and header != in_body:
        raise invalid_field("request_id", "CONFLICT", "must be the same as the Idempotency-Key header")
    return header or in_body or new_request_id()


def read_path_id(request: Request, key: str, noun: str) -> str:
    """An id of the path. A text that cannot be an id names nothing, so it is 404 and not 422."""
    name: str = request.path_params[key]
    if not is_request_id(name):
        raise NotFound(f"there is no {noun} of that name")
    return name


def read_lower_path_id(request: Request, key: str, noun: str) -> str:
    """An id of the path that has no capitals."""
    name = read_path_id(request, key, noun)
    if name != name.lower():
        raise NotFound(f"there is no {noun} of that name")
    return name


def read_taste_id(request: Request) -> str:
    """The taste's id of the path."""
    return read_lower_path_id(request, "taste_id", "taste")


def read_concept_name(request: Request) -> str:
    """The concept's name of the path: a letter first, no capitals."""
    name = read_lower_path_id(request, "name", "concept")
    if not name[0].isalpha():
        raise NotFound("there is no concept of that name")
    return name
