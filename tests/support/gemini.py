"""Loopback server of Gemini's generateContent, with a test's answers.

It checks requests.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "a-key-of-this-test"


@dataclass
class GeminiServer:
    """`answers` are sent in turn: a dict as the model's JSON, a str as its raw text, an int as an HTTP error, None as silence."""

    url: str = ""
    answers: list[dict[str, Any] | str | int | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    async def generate(self, request: Request) -> Response:
        """POST /{version}/models/{model}:generateContent."""
        if request.headers.get("x-goog-api-key") != KEY:
            return _fault(401, "UNAUTHENTICATED")
        self.models.append(request.path_params["model"].partition(":")[0])
        self.asked.append(json.loads(await request.body()))
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.sleep(30)
        if isinstance(answer, int):
            return _fault(answer, "INTERNAL")
        text = answer if isinstance(answer, str) else json.dumps(answer)
        part = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
        return JSONResponse({"candidates": [part], "modelVersion": "test"})


def _fault(status: int, word: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": word.lower(), "status": word}}, status_code=status)


@asynccontextmanager
async def gemini_server() -> AsyncIterator[GeminiServer]:
    """The server on a free port of loopback."""
    state = GeminiServer()
    app = Starlette(routes=[Route("/{version}/models/{model}", state.generate, methods=["POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    state.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.should_exit = True
        await serving
