"""Loopback server of Google's models over TLS with a throw-away CA: interactions, generateContent, the socket of live music.

Answers have the shapes of the real ones; pictures, clips and songs are real files, made here. Faults are injected by name, one a call.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import trustme
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from support.google_media import clip, picture, song, speech

KEY = "AIza-a-key-of-these-tests-0123456789"
ACCESS_TOKEN = "ya29.a-token-of-these-tests"
LIVE_RATE_HZ = 48_000
LYRICS = "[verse]\nRain on the road\n[chorus]\nWe go home"
_CHUNK_S = 0.2


@dataclass
class GoogleServer:
    """What the tests set and see.

    `faults` are taken one a call: `429`, `500`, `401`, `slow`, `filtered`, `refusal`, `wrong_type`, `truncated`, `huge`, `empty`; those of
    operations also `failed` and `exhausted`, and `no_token` is of the token server. `answers` are texts of generateContent, sent in turn.
    An operation is done after so many `polls`. `cut_after` ends live sockets after so many chunks, one entry a socket; None plays on.
    """

    url: str = ""
    certificate: str = ""
    faults: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    cut_after: list[int | None] = field(default_factory=list)
    refused_sockets: int = 0
    filtered_prompts: tuple[str, ...] = ()
    sockets: int = 0
    sockets_open: int = 0
    sockets_open_max: int = 0
    sent_at: list[float] = field(default_factory=list)
    live_messages: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    running_max: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    is_fast: bool = False
    chunk_s: float = _CHUNK_S
    polls: int = 1
    operations: dict[str, tuple[dict[str, Any], str, int]] = field(default_factory=dict)

    async def interact(self, request: Request) -> Response:
        """POST /{version}/interactions."""
        self.calls["interactions"] += 1
        body = json.loads(await request.body())
        self.asked.append(body)
        async with self._counted():
            fault = self._fault(request)
            if isinstance(fault, Response):
                return fault
            if fault == "slow":
                await asyncio.sleep(30)
            form = body["response_format"]
            form = form[0] if isinstance(form, list) else form
            if form["type"] == "text":
                content = [{"type": "text", "text": self.answers.pop(0)}] if self.answers else []
            else:
                content = await asyncio.to_thread(_content, form, fault)
        return JSONResponse(_interaction(body, content, fault))

    async def generate(self, request: Request) -> Response:
        """POST /{version}/models/{model}:generateContent."""
        self.calls["generateContent"] += 1
        self.asked.append(json.loads(await request.body()))
        async with self._counted():
            fault = self._fault(request)
            if isinstance(fault, Response):
                return fault
            if fault == "slow":
                await asyncio.sleep(30)
            if fault == "filtered":
                return JSONResponse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "test"})
            text = self.answers.pop(0) if self.answers else "{}"
        part = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
        return JSONResponse({"candidates": [part], "modelVersion": "test"})

    async def token(self, request: Request) -> Response:
        """POST /token: an access token for a service account's signed assertion, as Google's OAuth server gives one."""
        self.calls["token"] += 1
        form = parse_qs((await request.body()).decode())
        if (
            form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            or form["assertion"][0].count(".") != 2
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.faults and self.faults[0] == "no_token":
            self.faults.pop(0)
            return JSONResponse({"error": "invalid_grant", "error_description": "no such account"}, status_code=400)
        return JSONResponse({"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    async def veo(self, request: Request) -> Response:
        """POST .../models/{model}:predictLongRunning and :fetchPredictOperation of Vertex AI."""
        call = request.path_params["model"].partition(":")[2]
        self.calls[call] += 1
        body = json.loads(await request.body())
        if request.headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            return _error(401, "UNAUTHENTICATED", "no such token")
        if call == "predictLongRunning":
            self.asked.append(body)
            fault = self._taken_fault()
            if isinstance(fault, Response):
                return fault
            name = f"{request.url.path.partition('/')[2].partition('/')[2].partition(':')[0]}/operations/{len(self.operations)}"
            self.operations[name] = (body, fault, self.polls)
            return JSONResponse({"name": name})
        if body["operationName"] not in self.operations:
            return _error(404, "NOT_FOUND", "no such operation")
        asked, fault, polls = self.operations[body["operationName"]]
        if polls or fault == "slow":
            self.operations[body["operationName"]] = (asked, fault, polls - 1)
            return JSONResponse({"name": body["operationName"]})
        return JSONResponse(
            {"name": body["operationName"], "done": True} | await asyncio.to_thread(_clip_of, asked, fault)
        )

    async def live(self, socket: WebSocket) -> None:
        """The socket of BidiGenerateMusic: setup, prompts, config, playback; chunks of a tone at 48 kHz in stereo."""
        self.sockets += 1
        if self.refused_sockets or socket.headers.get("x-goog-api-key") != KEY:
            self.refused_sockets = max(self.refused_sockets - 1, 0)
            await socket.close(1011)
            return
        await socket.accept()
        self.sockets_open += 1
        self.sockets_open_max = max(self.sockets_open_max, self.sockets_open)
        cut = self.cut_after.pop(0) if self.cut_after else None
        self.live_messages.append(json.loads(await socket.receive_text()))
        await socket.send_bytes(json.dumps({"setupComplete": {}}).encode())
        playing = asyncio.Event()
        sending = asyncio.create_task(self._play(socket, playing, cut))
        try:
            while not sending.done():
                message = json.loads(await socket.receive_text())
                self.live_messages.append(message)
                for prompt in message.get("clientContent", {}).get("weightedPrompts", ()):
                    if prompt["text"] in self.filtered_prompts:
                        fault = {"text": prompt["text"], "filteredReason": "the prompt names an artist"}
                        await socket.send_bytes(json.dumps({"filteredPrompt": fault}).encode())
                control = message.get("playbackControl")
                if control == "PLAY":
                    playing.set()
                elif control in ("PAUSE", "STOP"):
                    playing.clear()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.sockets_open -= 1
            sending.cancel()
            await asyncio.wait({sending})

    async def _play(self, socket: WebSocket, playing: asyncio.Event, cut: int | None) -> None:
        count, position = 0, 0
        while True:
            await playing.wait()
            if cut is not None and count >= cut:
                await socket.close(1011)
                return
            samples = round(self.chunk_s * LIVE_RATE_HZ)
            at_s = (position + np.arange(samples)) / LIVE_RATE_HZ
            tone = (np.sin(at_s * 2 * np.pi * 220) * 8000).astype("<i2")
            position += samples
            data = base64.b64encode(np.repeat(tone, 2).tobytes()).decode()
            chunk = {"data": data, "mimeType": "audio/l16;rate=48000;channels=2"}
            self.sent_at.append(time.perf_counter())
            await socket.send_bytes(json.dumps({"serverContent": {"audioChunks": [chunk]}}).encode())
            count += 1
            await asyncio.sleep(0 if self.is_fast else self.chunk_s * 0.9)

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            await asyncio.sleep(0.01)
            yield
        finally:
            self.running -= 1

    def _fault(self, request: Request) -> Response | str:
        if request.headers.get("x-goog-api-key") != KEY:
            return _error(401, "UNAUTHENTICATED", "no such key")
        return self._taken_fault()

    def _taken_fault(self) -> Response | str:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "429":
            return _error(429, "RESOURCE_EXHAUSTED", "quota", {"retry-after": "7"})
        if fault == "500":
            return _error(500, "INTERNAL", "oops")
        if fault == "401":
            return _error(401, "UNAUTHENTICATED", "no such key")
        if fault == "refusal":
            return _error(400, "INVALID_ARGUMENT", f"blocked by safety policy; the key was {KEY}")
        return fault


def _error(status: int, word: str, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"code": status, "message": message, "status": word}}
    return JSONResponse(body, status_code=status, headers=headers)


def _interaction(body: dict[str, Any], content: list[dict[str, Any]], fault: str) -> dict[str, Any]:
    return {
        "id": "interaction-of-these-tests",
        "object": "interaction",
        "status": "failed" if fault == "filtered" else "completed",
        "model": body["model"],
        "created": "2026-11-30T00:00:00Z",
        "updated": "2026-11-30T00:00:01Z",
        "steps": [{"type": "model_output", "content": content}],
    }


def _content(form: dict[str, Any], fault: str) -> list[dict[str, Any]]:
    if fault == "filtered":
        return [{"type": "text", "text": "blocked: this request is against the policy"}]
    kind = form["type"]
    if kind == "image":
        data, media_type = picture(form.get("aspect_ratio", "1:1")), "image/png"
    elif kind == "video":
        data, media_type = clip(form.get("aspect_ratio", "16:9"), float(form["duration"].rstrip("s"))), "video/mp4"
    elif form.get("mime_type") == "audio/wav":
        data, media_type = speech(form["sample_rate"]), "audio/wav"
    else:
        data, media_type = song(), "audio/mpeg"
    if fault == "wrong_type":
        media_type = "text/html" if kind != "audio" else "image/png"
        kind = {"image": "image", "video": "video", "audio": "audio"}[kind]
    text = base64.b64encode(data).decode()
    if fault == "truncated":
        text = text[: len(text) // 2 // 4 * 4 + 1]
    if fault == "huge":
        text = "eHh4" * 12_500_000
    if fault == "empty":
        text = ""
    content = [{"type": kind, "mime_type": media_type, "data": text}]
    return [*content, {"type": "text", "text": LYRICS}] if media_type == "audio/mpeg" else content


def _clip_of(asked: dict[str, Any], fault: str) -> dict[str, Any]:
    """The end of an operation of Veo."""
    if fault == "filtered":
        return {"response": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["a face"]}}
    if fault == "failed":
        return {"error": {"code": 3, "message": f"blocked by safety policy; the token was {ACCESS_TOKEN}"}}
    if fault == "exhausted":
        return {"error": {"code": 8, "message": "quota"}}
    parameters = asked["parameters"]
    data = base64.b64encode(clip(parameters["aspectRatio"], float(parameters["durationSeconds"]))).decode()
    if fault == "empty":
        return {"response": {"videos": []}}
    media_type = "text/html" if fault == "wrong_type" else "video/mp4"
    return {"response": {"videos": [{"bytesBase64Encoded": data, "mimeType": media_type}]}}


def service_account(folder: Path, url: str) -> Path:
    """A file of credentials of a service account with a key of its own, whose tokens come from the server."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "tests@a-project.iam.gserviceaccount.com",
        "token_uri": f"{url}/token",
    }
    path = folder / "account.json"
    path.write_text(json.dumps(account))
    return path


@contextmanager
def trusted(certificate: str) -> Iterator[None]:
    """Lets clients of this process trust the server's CA: httpx by `SSL_CERT_FILE`, the library of credentials by `REQUESTS_CA_BUNDLE`."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, certificate))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@asynccontextmanager
async def google_server() -> AsyncIterator[GoogleServer]:
    """The server on a free port of loopback, trusted by this process while it runs."""
    state = GoogleServer()
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="google-") as folder:
        own, root = Path(folder) / "own.pem", Path(folder) / "root.pem"
        own.write_bytes(issued.private_key_pem.bytes() + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        authority.cert_pem.write_to_path(str(root))
        app = Starlette(
            routes=[
                Route("/token", state.token, methods=["POST"]),
                Route(
                    "/{version}/projects/{project}/locations/{place}/publishers/google/models/{model}",
                    state.veo,
                    methods=["POST"],
                ),
                Route("/{version}/interactions", state.interact, methods=["POST"]),
                Route("/{version}/models/{model}", state.generate, methods=["POST"]),
                WebSocketRoute("/ws/{service}", state.live),
            ]
        )
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="warning",
            ssl_certfile=str(own),
            timeout_graceful_shutdown=1,
            ws="websockets-sansio",
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        state.url = f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
        state.certificate = str(root)
        try:
            with trusted(state.certificate):
                yield state
        finally:
            server.should_exit = True
            await serving
