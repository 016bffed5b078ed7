"""A listener from outside: REST requests to the ready gateways in turn, takes read as they stream, and what came of them."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass

import httpx

from .control import Cluster
from .hosts import Host

_HEADER_BYTES = 4096  # the file's header and tags stand before `data`


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One take as its listener got it. `status` is 0 where the connection broke before an answer."""

    status: int
    reason: str = ""
    is_whole: bool = False
    first_byte_s: float = 0.0
    total_s: float = 0.0
    samples_digest: str = ""
    request_id: str = ""


class Listener:
    """One owner with a key."""

    def __init__(self, cluster: Cluster, key: str, *, only: Host | None = None) -> None:
        """`only` asks the gateways of that host alone."""
        self.key = key
        self._cluster, self._only, self._headers = cluster, only, {"Authorization": f"Bearer {key}"}
        self._turn = itertools.count()

    def _address(self) -> str:
        gateways = [pod for pod in self._cluster.ready("gateway") if self._only in (None, pod.host)]
        if not gateways:
            raise httpx.ConnectError("no gateway is ready")
        return f"http://{gateways[next(self._turn) % len(gateways)].address}:8000"

    async def ask(self, path: str, *, timeout_s: float = 30.0, **more: str) -> httpx.Response:
        """GET, over a new connection."""
        async with httpx.AsyncClient(timeout=timeout_s, headers=self._headers | more) as client:
            return await client.get(self._address() + path)

    async def send(self, path: str, **request: object) -> httpx.Response:
        """POST, over a new connection."""
        async with httpx.AsyncClient(timeout=30.0, headers=self._headers) as client:
            return await client.post(self._address() + path, **request)  # type: ignore[arg-type]

    async def take(self, request_id: str, duration_s: float, *, timeout_s: float = 180.0, seed: int = 1) -> Heard:
        """Makes a take and reads it to its end, the model's own samples to the bit."""
        body = {"prompt": "calm piano", "duration_s": duration_s, "seed": seed, "request_id": request_id, "raw": True}
        begun, first_s, content = time.monotonic(), 0.0, b""
        status, expected, reason = 0, -1, ""
        try:
            async with (
                httpx.AsyncClient(timeout=timeout_s, headers=self._headers) as client,
                client.stream("POST", self._address() + "/v1/generations", json=body) as answer,
            ):
                status, expected = answer.status_code, int(answer.headers.get("content-length", -1))
                async for piece in answer.aiter_bytes():
                    first_s = first_s or time.monotonic() - begun
                    content += piece
                if status != 200:
                    reason = str(answer.headers.get("content-type", ""))[:40] + content.decode(errors="replace")[:200]
        except httpx.HTTPError as failure:
            reason = type(failure).__name__
        return Heard(
            status=status,
            reason=reason,
            is_whole=status == 200 and len(content) == expected,
            first_byte_s=first_s,
            total_s=time.monotonic() - begun,
            samples_digest=samples_digest(content) if status == 200 else "",
            request_id=request_id,
        )

    async def kept_digest(self, request_id: str) -> str:
        """Digest of the samples of the take as it is stored."""
        return samples_digest((await self.ask(f"/v1/takes/{request_id}/audio?raw=true")).content)


def samples_digest(wav: bytes) -> str:
    """SHA-256 of the samples in a WAV file; "" where there are none."""
    at = wav.find(b"data", 12, _HEADER_BYTES)
    if at < 0:
        return ""
    count = int.from_bytes(wav[at + 4 : at + 8], "little")
    return hashlib.sha256(wav[at + 8 : at + 8 + count]).hexdigest()
