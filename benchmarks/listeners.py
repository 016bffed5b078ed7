"""Load test over gRPC: open-loop arrivals, underruns of clients.

The rate of arrivals is 80 percent of the engine's capacity.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from benchmarks.serving import bare_job
from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_cli.load_test import LoadPlan, bombard, summary
from resonance_generate.build import open_generate
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel

SLOTS, PLACES, TAKE_S, SHARE = 8, 64, 10.0, 0.8


def measure(model: LoadedModel, *, duration_s: float) -> dict[str, Any]:
    """Arrivals for `duration_s` seconds, each for ten seconds of music."""
    return asyncio.run(_measure(model, duration_s))


async def _measure(model: LoadedModel, duration_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), grpc_addr="127.0.0.1:0", slots=SLOTS, queue_places=PLACES)
        server = RpcServer(settings.grpc_addr)
        settings = settings.model_copy(update={"grpc_addr": await server.bind()})
        async with open_generate(settings, MemoryStore(), model) as parts:
            parts.add_to(server)
            await server.start()
            capacity = await measure_capacity(parts.engine)
            plan = LoadPlan(rate_hz=SHARE * capacity / TAKE_S, duration_s=duration_s, take_s=TAKE_S)
            figures = summary(plan, await bombard(server.address, plan, lambda _done_s: None))
            await server.stop(0)
    return {
        "arms": {"listeners": {"capacity_s_per_s": round(capacity, 2), **figures}},
        "ratios": {
            "underruns_at_80_percent": figures["underruns_one_chunk_prebuffer"] + figures["failed"] + figures["refused"]
        },
    }


async def measure_capacity(engine: Engine) -> float:
    """Seconds of music per second of eight full slots."""
    started_s = time.perf_counter()
    jobs = [bare_job(engine, seed, TAKE_S) for seed in range(SLOTS)]
    for job in jobs:
        engine.submit(job)
    for job in jobs:
        async with aclosing(job.stream):
            async for _ in job.stream:
                pass
    return SLOTS * TAKE_S / (time.perf_counter() - started_s)
