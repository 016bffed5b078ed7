"""Control latency: slider move to first played sample, over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import open_store
from resonance.v1 import generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_generate.build import open_generate
from resonance_model.loaded_model import LoadedModel

TURNS = 36
COMPANY = 3
COMPANY_S = 20.0
SETTLE_S = 2.0
TURN_EVERY_S = 1.3  # no multiple of a chunk, so that turns fall anywhere between two
CHUNK_S = 0.2


def knob_to_ear(model: LoadedModel, folder: Path, *, slider: str = "energy") -> dict[str, Any]:
    """Milliseconds from sending a slider's new position until its first sample is played, over `TURNS` turns.

    The client plays from the first chunk on and waits where one comes late: a sample is played when it has come and its turn is there.
    Measured once alone and once beside `COMPANY` takes in the making, with the slack of the chunks. The store below `folder` has the
    sliders' concepts.
    """
    alone = asyncio.run(_measure(model, folder, slider, takes=0))
    return alone | {"beside": asyncio.run(_measure(model, folder, slider, takes=COMPANY)) | {"takes": COMPANY}}


@dataclass(slots=True)
class LiveClient:
    """State of a client: start of playback, turns that were not played yet, by recipe, and slack of each chunk."""

    rate: int = 0
    opened_s: float = 0.0
    spare_s: list[float] = field(default_factory=list)
    sent_s: dict[float, float] = field(default_factory=dict)
    turns: dict[str, float] = field(default_factory=dict)
    delays_s: list[float] = field(default_factory=list)
    plays: asyncio.Event = field(default_factory=asyncio.Event)

    def add_event(self, event: generate_pb2.PerformResponse, slider: str) -> None:
        """Counts one event."""
        now = time.monotonic()
        if event.HasField("started"):
            self.rate = event.started.format.sample_rate_hz
        elif event.HasField("recipe"):
            position = round(float(getattr(event.recipe.recipe.sliders, slider)), 6)
            if position in self.sent_s:
                self.turns[event.recipe.recipe_id] = self.sent_s.pop(position)
        elif event.HasField("chunk"):
            plays_s = (self.opened_s or now) + event.chunk.sample_offset / self.rate
            if self.opened_s:
                self.spare_s.append(plays_s - now)
            self.opened_s = (self.opened_s or now) + max(0.0, now - plays_s)
            self.plays.set()
            if (turned_s := self.turns.pop(event.chunk.recipe_id, None)) is not None:
                self.delays_s.append(max(now, plays_s) - turned_s)


async def _measure(model: LoadedModel, folder: Path, slider: str, *, takes: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        store = await open_store(Settings(data_dir=folder))
        stack.push_async_callback(store.close)
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind(), data_dir=folder)
        parts = await stack.enter_async_context(open_generate(settings, store, model))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(open_channel(settings.grpc_addr))
        client, stub = LiveClient(), generate_pb2_grpc.GenerateServiceStub(channel)
        company = [asyncio.create_task(_take_after_take(stub, seed)) for seed in range(takes)]
        async for event in stub.Perform(_turns(client, slider)):
            client.add_event(event, slider)
        for task in company:
            task.cancel()
        await asyncio.gather(*company, return_exceptions=True)
    delays, spare = np.array(client.delays_s) * 1000, np.array(client.spare_s) * 1000
    return {
        "turns": len(delays),
        "chunk_ms": 1000 * CHUNK_S,
        "median_ms": float(np.median(delays)),
        "worst_ms": float(delays.max()),
        "chunks": len(spare),
        "late": int((spare < 0).sum()),
        "closest_ms": float(spare.min()),
        "spare_median_ms": float(np.median(spare)),
    }


async def _take_after_take(stub: generate_pb2_grpc.GenerateServiceStub, seed: int) -> None:
    while True:
        recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="techno with synth bass")])
        request = generate_pb2.GenerateRequest(recipe=recipe, duration_s=COMPANY_S, seed=(seed := seed + COMPANY))
        async for _ in stub.Generate(request):
            pass


async def _turns(client: LiveClient, slider: str) -> AsyncIterator[generate_pb2.PerformRequest]:
    opening = generate_pb2.PerformOpening(recipe=_recipe(slider, 0.0), seed=1, chunk_s=CHUNK_S)
    yield generate_pb2.PerformRequest(opening=opening)
    await client.plays.wait()
    await asyncio.sleep(SETTLE_S)
    for turn in range(TURNS):
        position = round((1 if turn % 2 else -1) * (0.5 + turn / 100), 6)
        client.sent_s[position] = time.monotonic()
        yield generate_pb2.PerformRequest(control=generate_pb2.PerformControl(recipe=_recipe(slider, position)))
        await asyncio.sleep(TURN_EVERY_S)
    stop = generate_pb2.PerformControl(command=generate_pb2.PLAYBACK_COMMAND_STOP)
    yield generate_pb2.PerformRequest(control=stop)


def _recipe(slider: str, position: float) -> steering_pb2.Recipe:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz trio with drums")])
    setattr(recipe.sliders, slider, position)
    return recipe
