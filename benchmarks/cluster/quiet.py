"""Figures without a fault: sizes, the first start, requests of an idle replica, one id through the services."""

from __future__ import annotations

import asyncio
import re
import time
import uuid

import httpx

from .command import run
from .control import Cluster
from .images import sizes
from .listener import Listener
from .objects import SERVICES
from .outages import tone
from .pods import Pod
from .rows import Row

_SIZES_WANTED = {"gateway": 120, "ingest": 200, "extract": 1000, "generate": 1000}


async def image_sizes(base: str) -> Row:
    """Megabytes over the base."""
    found = await sizes(base)
    return Row(
        what="image sizes over the base",
        wanted=", ".join(f"{name} <= {most}" for name, most in _SIZES_WANTED.items()) + " MB",
        measured=", ".join(f"{name} {size:.0f}" for name, size in found.items()) + " MB",
        is_met=all(found[name] <= most for name, most in _SIZES_WANTED.items()),
    )


async def key_of(cluster: Cluster, name: str) -> str:
    """A new API key, made in the image that operators exec into."""
    (pod, *_) = cluster.ready("ingest")
    printed = await run("podman", "exec", pod.name, "resonance", "keys", "add", name)
    found = re.search(r"\b(rk[-_]?\S{20,}|[A-Za-z0-9_-]{32,})", printed)
    assert found is not None, printed
    return found[1]


async def until_healthy(listener: Listener) -> None:
    """Waits until each gateway has found all services; one that was up before them looks their names up again by itself."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if {(await listener.ask("/healthz")).status_code for _ in range(4)} == {200}:
            return
        await asyncio.sleep(1.0)
    raise TimeoutError("/healthz is not 200 within 120 s")


async def idle_requests(cluster: Cluster, seconds: float) -> Row:
    """Requests to the store by each pod in so many quiet seconds, as one hour."""
    before = {pod.name: await _store_requests(pod) for name in SERVICES for pod in cluster.ready(name)}
    await asyncio.sleep(seconds)
    hourly = {
        pod.name.removeprefix("resonance-"): 3600 / seconds * (await _store_requests(pod) - before[pod.name])
        for name in SERVICES
        for pod in cluster.ready(name)
        if pod.name in before
    }
    most = max(hourly.values())
    return Row(
        what=f"requests to S3 of an idle replica in an hour (counted for {seconds:.0f} s)",
        wanted="<= 60",
        measured=", ".join(f"{name} {count:.0f}" for name, count in sorted(hourly.items())),
        is_met=most <= 60,
    )


async def followed(cluster: Cluster, listener: Listener) -> Row:
    """One request id, sent with a take, a taste and a video, found in the logs of the services that work for it."""
    sent = f"trace-{uuid.uuid4().hex[:12]}"
    headers = {"Authorization": f"Bearer {listener.key}", "X-Request-Id": sent}
    address = f"http://{cluster.ready('gateway')[0].address}:8000"
    async with httpx.AsyncClient(timeout=60.0, headers=headers) as client:
        take = {"prompt": "calm piano", "duration_s": 4, "request_id": f"f-{uuid.uuid4().hex[:8]}"}
        (await client.post(address + "/v1/generations", json=take)).raise_for_status()
        taste = await client.post(address + "/v1/tastes", files={"files": ("a.wav", tone(180.0), "audio/wav")})
        path = f"{address}/v1/tastes/{taste.json()['id']}"
        until = time.monotonic() + 90
        while (await client.get(path)).json()["state"] not in ("completed", "failed") and time.monotonic() < until:
            await asyncio.sleep(0.5)
        await client.get(address + "/v1/voices")
        await client.get(address + "/v1/videos")
    found = {name for name in SERVICES for pod in cluster.of(name) if sent in await pod.log()}
    return Row(
        what="services whose logs have one request's id (a take, a taste, the lists of voices and of videos)",
        wanted="all that were asked",
        measured=f"{len(found)} of {len(SERVICES)}: {', '.join(sorted(found))}",
        is_met=found == set(SERVICES),
    )


async def _store_requests(pod: Pod) -> float:
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://{pod.address}:9090/metrics")).text
    return sum(map(float, re.findall(r"^resonance_store_seconds_count\{[^}]*\} (\S+)", page, re.MULTILINE)))
