"""Google bench: what our doors add to Google's models, over the loopback server: `python -m benchmarks.google`.

Knob to ear, cut sockets, a storm of 429, a ceiling in a race. Google itself is not asked: no figure here is about its models.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tests.support.google import KEY, GoogleServer, google_server
from tests.support.polling import eventually

from benchmarks.video.goals import Figure, machine
from resonance.errors import Overloaded
from resonance.google.door import GoogleDoor, open_google
from resonance.google.prices import Kind
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.backends.capabilities import LYRIA_LIVE, lyria_backend
from resonance_generate.backends.lyria_live import RATE_HZ, LyriaPerformances
from resonance_generate.backends.lyria_words import LyriaWords
from resonance_generate.backends.sound_joining import FADE_S
from resonance_generate.conditions.vectors import Vectors

_RESULT = Path("benchmarks/results/google.md")
_CUTS, _KNOBS, _STORM = 100, 40, 40


class _Listener:
    """A client of one performance that keeps the times of what it hears."""

    def __init__(self, parts: LyriaPerformances) -> None:
        self._requests: asyncio.Queue[generate_pb2.PerformRequest | None] = asyncio.Queue()
        self.notices: list[str] = []
        self.chunks: list[tuple[float, audio_pb2.AudioChunk]] = []
        self.opening = generate_pb2.PerformOpening(recipe=_recipe("jazz"))
        self.task = asyncio.create_task(self._play(parts))

    def send(self, **control: Any) -> None:
        self._requests.put_nowait(generate_pb2.PerformRequest(control=generate_pb2.PerformControl(**control)))

    async def stop(self) -> None:
        self.send(command=generate_pb2.PLAYBACK_COMMAND_STOP)
        await asyncio.wait_for(self.task, 30)

    async def _play(self, parts: LyriaPerformances) -> None:
        async with aclosing(parts.run(self.opening, self._read())) as events:
            async for event in events:
                if isinstance(event, audio_pb2.AudioChunk):
                    self.chunks.append((time.perf_counter(), event))
                elif isinstance(event, generate_pb2.RecipeInForce):
                    self.notices += event.notices

    async def _read(self) -> Any:
        while (request := await self._requests.get()) is not None:
            yield request


def _recipe(text: str) -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=text, weight=1.0)])


async def _measure() -> list[Figure]:
    async with google_server() as server:
        return [*await _knobs(server), *await _cuts(server), *await _storm(server), *await _ceiling(server)]


async def _knobs(server: GoogleServer) -> list[Figure]:
    """From a control to its arrival at the server, from a chunk's departure there to its arrival at the client, and the held tail.

    The server's own delay, from the control to the next chunk, is not in it.
    """
    server.sent_at.clear()
    door, parts = _open(server)
    listener, delays = _Listener(parts), []
    await eventually(lambda: len(listener.chunks) >= 3)
    for number in range(_KNOBS):
        began = time.perf_counter()
        listener.send(recipe=_recipe(f"wish {number}"))
        while not any(f"wish {number}" in str(one) for one in server.live_messages[-4:]):  # noqa: ASYNC110 (timed)
            await asyncio.sleep(0.001)
        delays.append(time.perf_counter() - began)
        await asyncio.sleep(0.03)
    await listener.stop()
    await door.close()
    ways = _ways(server.sent_at, listener.chunks, round(server.chunk_s * RATE_HZ))
    added = median(delays) + median(ways) + FADE_S
    return [
        Figure.at_most("from a knob to Google's socket, ms, median", median(delays) * 1000, 50),
        Figure.at_most("from a sample at Google's socket to the listener, ms, median", median(ways) * 1000, 50),
        Figure.at_most(
            "knob to ear, with the held tail and without the server's own delay, ms, median", added * 1000, 150
        ),
    ]


def _ways(sent_at: list[float], chunks: list[tuple[float, audio_pb2.AudioChunk]], size: int) -> list[float]:
    """Seconds from the departure of each of the server's chunks to the arrival of its first sample."""
    found = []
    for number, departed in enumerate(sent_at):
        arrived = next((at for at, one in chunks if one.sample_offset + one.sample_count > number * size), None)
        if arrived is not None:
            found.append(arrived - departed)
    return found


async def _cuts(server: GoogleServer) -> list[Figure]:
    """Sockets that are cut at random, one after the other."""
    random = np.random.default_rng(20)
    server.live_messages.clear()
    server.sockets, server.chunk_s, server.is_fast = 0, 2.0, True
    server.cut_after = [int(count) for count in random.integers(1, 4, _CUTS)]
    door, parts = _open(server, google_usd_request_max=1000.0)
    listener = _Listener(parts)
    await eventually(lambda: server.sockets > _CUTS, deadline_s=120)
    await asyncio.sleep(0.5)
    await listener.stop()
    await door.close()
    told = [notice for notice in listener.notices if "was lost for" in notice]
    played = np.frombuffer(b"".join(chunk.data for _, chunk in listener.chunks), "<i2").reshape(-1, 2)[:, 0]
    step = float(np.abs(np.diff(played.astype(int))).max())
    tone = 8000 * 2 * np.pi * 220 / RATE_HZ
    return [
        Figure.all_of("cut sockets that were told", len(told), _CUTS),
        Figure.at_most("gaps longer than the buffer", sum("gap" in notice for notice in told), 0),
        Figure.at_most("largest step between samples, times the tone's own", step / tone, 3),
        Figure.at_most("sockets of one performance open at once", server.sockets_open_max, 1),
    ]


async def _storm(server: GoogleServer) -> list[Figure]:
    """A storm of 429 with one call in flight allowed."""
    server.faults, server.running_max = ["429"] * _STORM, 0
    door, _ = _open(server, google_calls_running_max=1)
    image = {"type": "image", "aspect_ratio": "1:1", "mime_type": "image/png"}
    calls = [door.make("m", "x", response_format=image, kind=Kind.IMAGE, quantity=1.0) for _ in range(_STORM)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    await door.close()
    return [
        Figure.all_of(
            "calls of a 429 storm that ended with a time", sum(isinstance(one, Overloaded) for one in results), _STORM
        ),
        Figure.at_most("calls in flight at once, where one is allowed", server.running_max, 1),
    ]


async def _ceiling(server: GoogleServer) -> list[Figure]:
    """Calls of two replicas that race against a ceiling of ten of them."""
    server.faults, store = [], MemoryStore()
    ceilings = {"google_usd_day_max": 0.5, "google_usd_owner_day_max": 10.0, "google_usd_request_max": 10.0}
    doors = [_open(server, store, **ceilings)[0] for _ in range(2)]
    image = {"type": "image", "aspect_ratio": "1:1", "mime_type": "image/png"}
    calls = [
        door.make("m", "x", response_format=image, kind=Kind.IMAGE, quantity=1.0) for door in doors for _ in range(15)
    ]
    before = server.calls["interactions"]
    await asyncio.gather(*calls, return_exceptions=True)
    spent = await doors[0].spending.spent(owner="")
    await asyncio.gather(*(door.close() for door in doors))
    return [
        Figure.at_most("spent at a ceiling of $0.50 by 30 calls of $0.05 of two replicas at once", spent.day_usd, 0.5),
        Figure.at_most("calls that were made under it", server.calls["interactions"] - before, 10),
    ]


def _open(server: GoogleServer, store: MemoryStore | None = None, **more: Any) -> tuple[GoogleDoor, LyriaPerformances]:
    known: dict[str, Any] = {"google_prices": "image=0.05,live_s=0.001@2026-11-30", "google_usd_request_max": 50.0}
    known |= {"google_usd_owner_day_max": 1000.0, "google_usd_day_max": 1000.0}
    store = store or MemoryStore()
    door = open_google(Settings(gemini_api_key=KEY, gemini_url=server.url, **known | more), store)
    assert door is not None
    words = LyriaWords(Vectors(store, model_digest="none", item_max=1))
    backend = lyria_backend(LYRIA_LIVE, "models/lyria-realtime-exp", door.spending.prices, sample_rate_hz=RATE_HZ)
    local: Any = None  # in this bench nothing fails three times
    return door, LyriaPerformances(door, "models/lyria-realtime-exp", words, local, backend)


def main() -> None:
    """Measures, prints and writes the figures."""
    about = machine()
    figures = asyncio.run(_measure())
    where = f"{about['machine']}, load average {about['load_average']} at the start, commit {about['commit']}, {about['date']}"
    lines = [
        "# Google's models: figures",
        "",
        "What our doors add, measured over the loopback server of the tests by",
        "",
    ]
    lines += ["    python -m benchmarks.google", ""]
    lines += [
        "Google itself was not asked. For the cuts the server sends chunks of 2 s as fast as they are read, so that the"
    ]
    lines += ["listener has sound in hand.", "", f"{where}.", ""]
    lines += ["| figure | asked | measured | reached |", "|---|---|---|---|"]
    for figure in figures:
        lines.append(f"| {figure.name} | {figure.asked} | {figure.text} | {'yes' if figure.reached else '**no**'} |")
        print(f"{'ok  ' if figure.reached else 'MISS'} {figure.name}: {figure.text} (asked {figure.asked})", flush=True)
    _RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
