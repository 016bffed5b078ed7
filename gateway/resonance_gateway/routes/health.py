"""Liveness, readiness, and the state of each service."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.operations import json_response, operation
from resonance_gateway.services.services import HEALTH_S_MAX

# Without `video` and `speech` the music goes on, so that an installation may leave them out.
_NEEDED = ("ingest", "extract", "generate")
# A probe waits for one second. A service that the network has lost answers nothing, and must not take this gateway out of service.
_READY_S_MAX = 0.5
_STATE = {"type": "string", "enum": ["ok", "not_serving", "unreachable"]}
_HEALTH = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok", "degraded"]},
        "services": {"type": "object", "additionalProperties": _STATE},
        "store": {
            "type": "string",
            "enum": ["ok", "full", "away"],
            "description": "Full: no take of the usual length fits. Away: a service gets no answer from it.",
        },
    },
    "required": ["status", "services", "store"],
}


class HealthEndpoint(HTTPEndpoint):
    """`/healthz`: 200 when every service that music needs serves and the store answers and has room, else 503 with all states."""

    @operation(
        summary="The state of every service",
        tag="health",
        any_query=True,
        responses={200: json_response("Everything serves", _HEALTH), 503: json_response("Something does not", _HEALTH)},
    )
    async def get(self, request: Request) -> Response:
        body = await _states(request, HEALTH_S_MAX)
        return JSONResponse(body, status_code=200 if body["status"] == "ok" else 503)


class ReadinessEndpoint(HTTPEndpoint):
    """`/readyz`: 200 while this gateway takes requests, with the states of the services.

    A service that is away is no reason to send nobody here: takes play on, and what does not need it is answered.
    """

    @operation(
        summary="Whether this gateway takes requests",
        tag="health",
        any_query=True,
        responses={200: json_response("It takes requests", _HEALTH)},
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await _states(request, _READY_S_MAX))


async def _states(request: Request, within_s: float) -> dict[str, Any]:
    found = get_services(request)
    services, store = await asyncio.gather(found.health(within_s), found.store_state(within_s))
    is_healthy = all(services[name] == "ok" for name in _NEEDED) and store == "ok"
    return {
        "status": "ok" if is_healthy else "degraded",
        "services": services,
        "store": store,
    }


class LivenessEndpoint(HTTPEndpoint):
    """`/livez`: 200 while this process runs, whatever the services do."""

    @operation(
        summary="Whether this process runs",
        tag="health",
        any_query=True,
        responses={200: json_response("It runs", {"type": "object"})},
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})
