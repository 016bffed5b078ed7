"""Verifications: which marks an uploaded sound carries."""

from __future__ import annotations

import tempfile
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.audio.delivery.verification import verify_file
from resonance.identity import caller_key
from resonance.v1 import generate_pb2
from resonance_gateway.http.requests import media_type
from resonance_gateway.routes.app_state import get_services, get_settings
from resonance_gateway.schema.operations import json_response, operation

_FOUND = {"type": "object", "properties": {"found": {"type": "boolean"}}, "required": ["found"]}
_REPORT = {
    "type": "object",
    "properties": {
        "made_by_machine": {"type": "boolean"},
        "content_credentials": _FOUND,
        "tags": _FOUND,
        "watermark": _FOUND,
    },
    "required": ["made_by_machine", "content_credentials", "tags", "watermark"],
}


class VerificationsEndpoint(HTTPEndpoint):
    """`/v1/verifications`."""

    @operation(
        summary="Read the marks of a sound file: content credentials, tags and watermark",
        tag="verifications",
        binary="application/octet-stream",
        responses={200: json_response("Each mark, found or not", _REPORT)},
        faults=(400, 401, 413, 415, 422, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        kind = media_type(request)
        if kind != "application/octet-stream" and not kind.startswith("audio/"):
            raise HTTPException(415, "send the file itself, with Content-Type: application/octet-stream or audio/...")
        if caller_key():  # no service is asked for the marks, so that nobody else would see a wrong key
            await get_services(request).generate.ask("GetModel", generate_pb2.GetModelRequest())
        with tempfile.TemporaryDirectory(prefix="verification-") as folder:
            path = Path(folder) / "sound"
            with await run_in_threadpool(path.open, "wb") as file:
                async for block in request.stream():
                    await run_in_threadpool(file.write, block)
            return JSONResponse((await verify_file(path, get_settings(request))).to_json())
