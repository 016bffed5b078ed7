"""OpenAPI 3.1 document of the routes.

Built from the handlers' operations, the pydantic bodies and the protos' messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import Route

from resonance_gateway.http.openai_errors import ERROR_SCHEMA
from resonance_gateway.schema.operations import Operation

_EVENT = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("field", "reason", "message")},
                "required": ["field", "reason", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "reason", "errors"],
}
_FAULT = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
}
_OPENAI_FAULT = {
    "description": "An error in OpenAI's shape",
    "content": {"application/json": {"schema": {"$ref": _REF.format(model="OpenAiError")}}},
}
_ALWAYS = (403, 405, 421, 429, 500)
_METHODS = ("get", "post", "patch", "delete")


def build_document(routes: list[Any]) -> dict[str, Any]:
    """The document of all routes whose handlers have an Operation."""
    found = list(_operations(routes))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Resonance",
            "version": "1",
            "summary": "Original music from a playlist and a sentence.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(found),
        "components": {"schemas": _schemas(found)},
    }


def _operations(routes: list[Any]) -> Iterator[tuple[str, str, Operation]]:
    for route in routes:
        if isinstance(route, Route):
            for method in _METHODS:
                described = getattr(getattr(route.endpoint, method, None), "operation", None)
                if described is not None:
                    yield route.path, method, described


def _paths(found: list[tuple[str, str, Operation]]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, method, described in found:
        paths.setdefault(path, {})[method] = _operation(path, method, described)
    return paths


def _operation(path: str, method: str, described: Operation) -> dict[str, Any]:
    document = {
        "operationId": f"{method}{re.sub('[^A-Za-z0-9]+', '_', path)}".rstrip("_"),
        "summary": described.summary,
        "tags": [described.tag],
        "parameters": [*_path_parameters(path), *_query_parameters(described), *_header_parameters(method, described)],
        "responses": _responses(described),
    }
    content = _body_content(described)
    if content:
        document["requestBody"] = {"content": content, "required": True}
    return document


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(described: Operation) -> Iterator[dict[str, Any]]:
    if described.query is not None:
        for name, schema in described.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}


def _header_parameters(method: str, described: Operation) -> Iterator[dict[str, Any]]:
    if described.body is not None and "request_id" in described.body.model_fields:
        meaning = "Makes sending the request twice harmless; the same as request_id in the body."
        schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": meaning, "schema": schema}
    for name, meaning in described.required_headers.items():
        yield {"name": name, "in": "header", "required": True, "description": meaning, "schema": {"type": "string"}}


def _body_content(described: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if described.body is not None:
        content["application/json"] = {"schema": {"$ref": _REF.format(model=described.body.__name__)}}
    if described.binary:
        content[described.binary] = {"schema": {"type": "string", "format": "binary"}}
    if described.upload is not None:
        content["multipart/form-data"] = {"schema": _form_schema(described.upload)}
    return content


def _form_schema(fields: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=fields.__name__)}
    files = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    properties = {name: {"$ref": f"{schema['$ref']}/properties/{name}"} for name in fields.model_fields}
    return {"type": "object", "properties": {**properties, "files": files}, "required": ["files"]}


def _schema_of(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a media type. A text of events is described event by event."""
    return _EVENT if kind == "text/event-stream" and schema.get("type") == "string" else schema


def _responses(described: Operation) -> dict[str, Any]:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in described.headers.items()}
    documented: dict[str, Any] = {}
    for status, (description, media_types, schema) in described.responses.items():
        documented[str(status)] = {"description": description}
        if media_types:
            kinds = media_types.split(", ")
            documented[str(status)]["content"] = {kind: {"schema": _schema_of(kind, schema)} for kind in kinds}
        if status == 200 and described.also_json is not None:
            documented[str(status)]["content"]["application/json"] = {"schema": described.also_json}
        if headers:
            documented[str(status)]["headers"] = headers
    for status in (*described.faults, *_ALWAYS):
        documented.setdefault(str(status), _OPENAI_FAULT if described.has_openai_errors else _FAULT)
    return documented


def _schemas(found: list[tuple[str, str, Operation]]) -> dict[str, Any]:
    models = {model for _, _, described in found for model in (described.body, described.upload) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    return {**schemas["$defs"], "Problem": _PROBLEM, "OpenAiError": ERROR_SCHEMA}
