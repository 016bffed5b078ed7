"""OpenAPI description of a handler, declared beside its code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf import descriptor_pool
from pydantic import BaseModel
from starlette.requests import Request

from resonance_gateway.http.requests import NoQuery, read_query
from resonance_gateway.schema.proto_json import to_json_schema

Handler = TypeVar("Handler", bound=Callable[..., Any])
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `binary` is the media type of a body of plain bytes. `responses` maps a status to (description, media types, schema). Query parameters
    that `query` does not have are refused, except with `any_query`. With `has_openai_errors` its errors have OpenAI's shape.
    `also_json` is the schema of a 200 that is JSON where the client asked for it; other answers with 200 are not.
    """

    summary: str
    tag: str
    body: type[BaseModel] | None = None
    upload: type[BaseModel] | None = None
    binary: str = ""
    query: type[BaseModel] | None = None
    any_query: bool = False
    responses: dict[int, tuple[str, str, Schema]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    required_headers: dict[str, str] = field(default_factory=dict)
    faults: tuple[int, ...] = ()
    has_openai_errors: bool = False
    also_json: Schema | None = None


def operation(**fields: Any) -> Callable[[Handler], Handler]:
    """Decorator that sets the handler's Operation, and refuses query parameters that the Operation does not have."""
    described = Operation(**fields)

    def mark(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def checked(endpoint: Any, request: Request) -> Any:
            if not described.any_query:
                read_query(request, described.query or NoQuery)
            return await handler(endpoint, request)

        checked.operation = described  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return mark


def message_schema(name: str) -> Schema:
    """The schema of a resonance.v1 message as JSON."""
    return to_json_schema(descriptor_pool.Default().FindMessageTypeByName(f"resonance.v1.{name}"))


def json_response(description: str, schema: Schema) -> tuple[str, str, Schema]:
    """A JSON response."""
    return description, "application/json", schema


def page_schema(name: str, item: Schema) -> Schema:
    """One page of a list."""
    properties = {name: {"type": "array", "items": item}, "next_page_token": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": list(properties)}
