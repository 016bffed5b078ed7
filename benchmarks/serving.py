"""Serving benchmark: first audio, real-time factor, overhead over the engine.

The real-time factor is that of one core.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import torch

from benchmarks.arms import Timing, ratio
from resonance.client import AsyncClient
from resonance.client.requests import build_request
from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_generate.build import open_generate
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.running_request import FIRST_CHUNK_FRAMES
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel

SECONDS = 10.0
PROMPT = "calm piano music"


def measure(model: LoadedModel, *, rounds: int) -> dict[str, Any]:
    """Takes of ten seconds, one at a time, on an unloaded machine."""
    return asyncio.run(_measure(model, rounds))


async def _measure(model: LoadedModel, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), grpc_addr="127.0.0.1:0")
        server = RpcServer(settings.grpc_addr)
        settings = settings.model_copy(update={"grpc_addr": await server.bind()})
        async with open_generate(settings, MemoryStore(), model) as parts:
            parts.add_to(server)
            await server.start()
            async with AsyncClient(server.address) as client:
                served, first, bare, structural = [], [], [], []
                for index in range(rounds + 1):
                    structural.append(_structural(model))
                    bare.append(await _bare(parts.engine, index))
                    first_s, whole_s = await _served(client, index)
                    first.append(first_s)
                    served.append(whole_s)
            await server.stop(0)
    arms = {
        "serving_ten_seconds": Timing(samples_s=tuple(served[1:])),
        "engine_ten_seconds": Timing(samples_s=tuple(bare[1:])),
        "time_to_first_audio": Timing(samples_s=tuple(first[1:])),
        "structural_time_to_first_audio": Timing(samples_s=tuple(structural[1:])),
    }
    return {
        "arms": {name: timing.as_json() for name, timing in arms.items()},
        "ratios": {
            "served_vs_bare_engine": ratio(arms["engine_ten_seconds"], arms["serving_ten_seconds"]),
            "embedded_rtf_one_core": arms["engine_ten_seconds"].median_s / SECONDS,
            "ttfa_vs_structural": ratio(arms["time_to_first_audio"], arms["structural_time_to_first_audio"]),
        },
    }


async def _served(client: AsyncClient, seed: int) -> tuple[float, float]:
    request = build_request(PROMPT, duration_s=SECONDS, seed=seed)
    request.is_transient = True
    started_s, first_s = time.perf_counter(), 0.0
    async for response in client.stream(request):
        if response.HasField("chunk") and not first_s:
            first_s = time.perf_counter() - started_s
    return first_s, time.perf_counter() - started_s


def bare_job(engine: Engine, seed: int, duration_s: float) -> EngineRequest:
    """A request to the engine itself, with the sampling defaults of the model."""
    sampling = engine.model.description.sampling
    score = GenerationParams(
        recipe_id="",
        prompts=((PROMPT, 1.0),),
        steering=None,
        guidance_scale=sampling.guidance_scale,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
    )
    stream = ChunkStream(asyncio.get_running_loop(), samples_max=10**9)
    frames = round(duration_s * engine.model.description.frame_rate_hz)
    return EngineRequest(request_id="bare", params=score, seed=seed, frame_count=frames, chunk_frames=25, stream=stream)


async def _bare(engine: Engine, seed: int, duration_s: float = SECONDS) -> float:
    job = bare_job(engine, seed, duration_s)
    started_s = time.perf_counter()
    async with aclosing(job.stream):
        engine.submit(job)
        async for _ in job.stream:
            pass
    return time.perf_counter() - started_s


def measure_factor(model: LoadedModel, name: str, *, rounds: int, duration_s: float) -> dict[str, Any]:
    """Real-time factor of the bare engine with one client, streamed codec included."""
    engine = Engine(model, slot_count=1, queue_places=0, stall_s_max=60)
    engine.start()

    async def run() -> list[float]:
        return [await _bare(engine, seed, duration_s) for seed in range(rounds + 1)][1:]

    try:
        timing = Timing(samples_s=tuple(asyncio.run(run())))
    finally:
        engine.stop()
    return {
        "arms": {f"{name}_{duration_s:g}_seconds": timing.as_json()},
        "ratios": {f"{name}_rtf_one_core": timing.median_s / duration_s},
    }


@torch.inference_mode()
def _structural(model: LoadedModel) -> float:
    """Seconds of the first audio's indispensable parts: the text, the first chunk's steps with delay and codec lag, one decode."""
    started_s = time.perf_counter()
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=model.description.sampling.top_k, seed=1)
    frames = FIRST_CHUNK_FRAMES + 4
    sequence = TokenSequence(
        model.decoder,
        CacheSlot(model.config, conditioning),
        sampling,
        frame_count=frames,
        window_steps=1504,
        context_frames=750,
    )
    while not sequence.is_finished:
        advance(model.decoder, [sequence])
    model.codec.open_stream().push(sequence.frames(0, frames))
    return time.perf_counter() - started_s
