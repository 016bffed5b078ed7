"""The OpenAPI document."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.schema.openapi import build_document


async def openapi_document(request: Request) -> Response:
    """`/openapi.json` and `/v1/openapi.json`."""
    servers = {"servers": [{"url": own_path(request, "")}]} if own_path(request, "") else {}
    return JSONResponse(build_document(request.app.routes) | servers)
