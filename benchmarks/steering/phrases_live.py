"""Phrases during live music, over gRPC: time to a new slider, and chunks that came late meanwhile.

`python -m benchmarks.steering.phrases_live` writes benchmarks/results/phrases-live.json. One process runs extract and generate over one
model, as `resonance up` does. A client plays live music and makes slider after slider from phrases; each slider is put in force as soon
as it is there. Afterwards the background calibration of the first one runs while the music goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import extract_pb2, extract_pb2_grpc, generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_extract.build import open_extract
from resonance_generate.build import open_generate
from resonance_model.loaders import load_model

from .latency import CHUNK_S, SETTLE_S, LiveClient
from .phrases import RESULTS

PROMPT: Final = "jazz trio with drums"
WISHES: Final = ("nostalgic", "like a church organ", "mysterious", "like a rainy night", "more like a party")
ALONE_S: Final = 8.0
CALIBRATING_S: Final = 20.0


@dataclass(slots=True)
class Stretch:
    """A part of the performance: slack of the chunks that came in it."""

    name: str
    spare_s: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Chunks, late ones, and the least and median slack."""
        spare = np.array(self.spare_s) * 1000
        return {
            "chunks": len(spare),
            "late": int((spare < 0).sum()),
            "closest_ms": round(float(spare.min())),
            "median_ms": round(float(np.median(spare))),
        }


async def measure() -> dict[str, Any]:
    """The result of one performance."""
    model = load_model(Settings())
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind())
        (await stack.enter_async_context(open_generate(settings, store, model))).add_to(server)
        (await stack.enter_async_context(open_extract(settings, store, model, prepares_sliders=False))).add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(open_channel(settings.grpc_addr))
        return await _perform(channel)


async def _perform(channel: Any) -> dict[str, Any]:
    generate, extract = generate_pb2_grpc.GenerateServiceStub(channel), extract_pb2_grpc.ExtractServiceStub(channel)
    client, controls = LiveClient(), asyncio.Queue[generate_pb2.PerformControl]()
    stretches = [Stretch("alone"), Stretch("phrases"), Stretch("calibrating")]
    at, sliders = 0, list[dict[str, Any]]()

    async def listen() -> None:
        sent = 0
        async for event in generate.Perform(_requests(controls)):
            client.add_event(event, "energy")
            if event.HasField("chunk") and len(client.spare_s) > sent:
                sent = len(client.spare_s)
                stretches[at].spare_s.append(client.spare_s[-1])

    listening = asyncio.create_task(listen())
    await client.plays.wait()
    await asyncio.sleep(SETTLE_S + ALONE_S)
    at = 1
    recipe = _recipe()
    for wish in WISHES:
        began_s = time.monotonic()
        found = await extract.Refine(extract_pb2.RefineRequest(text=wish, prompt=PROMPT))
        (concept,) = found.concepts
        refined_s = time.monotonic() - began_s
        recipe.concepts.add(name=concept.name, position=concept.position)
        await controls.put(generate_pb2.PerformControl(recipe=recipe))
        sliders.append({"wish": wish, "label": concept.label, "refine_s": round(refined_s, 2)})
        print(sliders[-1], flush=True)
    await asyncio.sleep(SETTLE_S)
    at = 2
    await asyncio.sleep(CALIBRATING_S)
    await controls.put(generate_pb2.PerformControl(command=generate_pb2.PLAYBACK_COMMAND_STOP))
    await listening
    return {"sliders": sliders, "load": round(os.getloadavg()[0], 1)} | {one.name: one.summary() for one in stretches}


async def _requests(controls: asyncio.Queue[generate_pb2.PerformControl]) -> AsyncIterator[generate_pb2.PerformRequest]:
    opening = generate_pb2.PerformOpening(recipe=_recipe(), seed=1, chunk_s=CHUNK_S)
    yield generate_pb2.PerformRequest(opening=opening)
    while True:
        control = await controls.get()
        yield generate_pb2.PerformRequest(control=control)
        if control.command == generate_pb2.PLAYBACK_COMMAND_STOP:
            return


def _recipe() -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=PROMPT)])


def main() -> None:
    """Runs the performance and writes its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out: Path = parser.parse_args().out
    torch.set_num_threads(1)
    found = asyncio.run(measure())
    print(json.dumps(found, indent=1))
    (out / "phrases-live.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
