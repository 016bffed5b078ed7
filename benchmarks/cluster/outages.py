"""Everything rolled, an older version beside the new one, the store away, a host lost, under requests."""

from __future__ import annotations

import asyncio
import io
import math
import struct
import time
import uuid
import wave

from .control import Cluster
from .listener import Listener
from .objects import SERVICES
from .rows import Row
from .traffic import Traffic

_RATE_HZ = 2.0


async def rolled_all(cluster: Cluster, listener: Listener) -> Row:
    """All six workloads rolled one after another, while tastes are submitted too."""
    traffic, tastes = Traffic(listener, rate_hz=_RATE_HZ), _Tastes(listener)
    begun = time.monotonic()
    async with traffic.while_playing(), tastes.while_submitting(every_s=10.0):
        for name in SERVICES:
            await cluster.roll(name)
    completed = await tastes.completed(within_s=180)
    return Row(
        what=f"all six services rolled in {time.monotonic() - begun:.0f} s, under requests",
        wanted="0 failed",
        measured=f"failed: {traffic.told()}; {completed} of {len(tastes.ids)} tastes completed",
        is_met=not traffic.lists_failed
        and all(each.is_whole for each in traffic.takes)
        and completed == len(tastes.ids),
    )


async def skewed(cluster: Cluster, listener: Listener, commit: str, seconds: float) -> Row:
    """One of the two pods of gateway, ingest and generate is of an older commit for a while, as in the middle of a roll."""
    names = ("generate", "ingest", "gateway")
    traffic, tastes = Traffic(listener, rate_hz=_RATE_HZ), _Tastes(listener)
    async with traffic.while_playing(), tastes.while_submitting(every_s=10.0):
        await _replace_one(cluster, names, "previous")
        await asyncio.sleep(seconds)
        await _replace_one(cluster, names, "0.1.0")
    completed = await tastes.completed(within_s=180)
    return Row(
        what=f"one of two pods of {', '.join(names)} is of the older commit {commit} for {seconds:.0f} s: new -> both -> new",
        wanted="0 failed",
        measured=f"failed: {traffic.told()}; {completed} of {len(tastes.ids)} tastes completed",
        is_met=not traffic.lists_failed
        and all(each.is_whole for each in traffic.takes)
        and completed == len(tastes.ids),
    )


async def _replace_one(cluster: Cluster, names: tuple[str, ...], version: str) -> None:
    """The newest pod of each workload gives way to one of that version, which is ready before."""
    leaving = [cluster.of(name)[-1] for name in names]
    for name in names:
        await cluster.add(name, version)
    await cluster.when_ready(*names)
    await asyncio.gather(*map(cluster.delete, leaving))


async def lost_host(cluster: Cluster, listener: Listener) -> Row:
    """One of two hosts without network for 40 s, under lists by the other host's gateway."""
    here = Listener(cluster, listener.key, only=cluster.hosts[0])
    traffic = Traffic(here, rate_hz=_RATE_HZ)
    async with traffic.while_playing():
        await asyncio.sleep(5.0)
        await cluster.lose(cluster.hosts[1])
        await asyncio.sleep(40.0)
        await cluster.find(cluster.hosts[1])
        await asyncio.sleep(10.0)
    answered = sum(traffic.lists.values())
    return Row(
        what="one of two hosts without network for 40 s: requests to the other host's gateway",
        wanted="<= 2 % failed",
        measured=f"failed: {traffic.told()}",
        is_met=traffic.lists_failed <= 0.02 * answered and all(each.is_whole for each in traffic.takes),
    )


async def store_away(cluster: Cluster, listener: Listener) -> Row:
    """The store stands still for 40 s: a take that plays, requests, tastes accepted before, and health."""
    (store,) = cluster.of("store")
    tastes = _Tastes(listener)
    for _ in range(3):
        await tastes.submit()
    playing = asyncio.create_task(listener.take(f"a-{uuid.uuid4().hex[:12]}", 60.0))
    await asyncio.sleep(2.0)
    await store.pause()
    paused_at = time.monotonic()
    await asyncio.sleep(15.0)
    begun = time.monotonic()
    listed = (await listener.ask("/v1/takes", timeout_s=40)).status_code
    listed_s = time.monotonic() - begun
    health = (await listener.ask("/healthz", timeout_s=40)).json().get("store")
    ready = (await listener.ask("/readyz", timeout_s=40)).status_code
    await asyncio.sleep(max(0.0, 40.0 - (time.monotonic() - paused_at)))
    await store.unpause()
    begun = time.monotonic()
    while (await listener.ask("/v1/takes", timeout_s=40)).status_code != 200 and time.monotonic() - begun < 60:
        await asyncio.sleep(0.5)
    back_s = time.monotonic() - begun
    heard, completed = await playing, await tastes.completed(within_s=180)
    return Row(
        what="the store stands still for 40 s",
        wanted="no job is lost, what plays goes on, an honest answer",
        measured=f"a take of 60 s that played: {'whole' if heard.is_whole else f'cut ({heard.reason})'}; a list: {listed} "
        f"after {listed_s:.1f} s; /healthz says store {health}, /readyz {ready}; lists again {back_s:.1f} s after its "
        f"return; {completed} of {len(tastes.ids)} tastes completed",
        is_met=heard.is_whole and completed == len(tastes.ids) and listed in (503, 504) and health != "ok",
    )


class _Tastes:
    """Tastes of a short file, submitted one by one."""

    def __init__(self, listener: Listener) -> None:
        self.ids: list[str] = []
        self._listener, self._count = listener, 0

    async def submit(self) -> None:
        """Submits one; the file is another each time, so that nothing is known of it."""
        self._count += 1
        files = {"files": ("tone.wav", tone(200.0 + 10.0 * self._count + hash(self) % 7), "audio/wav")}
        answer = await self._listener.send("/v1/tastes", files=files)
        self.ids.append(answer.json().get("id", f"refused-{answer.status_code}"))

    def while_submitting(self, every_s: float) -> _Submitting:
        """A context in which one is submitted every so many seconds."""
        return _Submitting(self, every_s)

    async def completed(self, within_s: float) -> int:
        """How many are completed in the end."""
        end, states = time.monotonic() + within_s, [""]
        while time.monotonic() < end:
            states = [(await self._listener.ask(f"/v1/tastes/{each}")).json().get("state", "") for each in self.ids]
            if all(state in ("completed", "failed", "cancelled") for state in states):
                break
            await asyncio.sleep(1.0)
        return states.count("completed")


class _Submitting:
    def __init__(self, tastes: _Tastes, every_s: float) -> None:
        self._tastes, self._every_s = tastes, every_s

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._go_on())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            await self._tastes.submit()
            await asyncio.sleep(self._every_s)


def tone(pitch_hz: float, duration_s: float = 6.0, rate_hz: int = 16_000) -> bytes:
    """A WAV file of a tone with overtones and a beat."""
    samples = (
        (0.3 * math.sin(math.tau * pitch_hz * n / rate_hz) + 0.2 * math.sin(math.tau * 1.5 * pitch_hz * n / rate_hz))
        * (1 - (n % (rate_hz // 2)) / (rate_hz // 2))
        for n in range(round(duration_s * rate_hz))
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(rate_hz)
        output.writeframes(b"".join(struct.pack("<h", round(32_000 * each)) for each in samples))
    return file.getvalue()
