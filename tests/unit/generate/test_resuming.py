"""Resumed takes: same samples as uncut ones, any steering rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.takes import record_read_sizes

from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.token_document import Codes
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams, SteeringRule
from resonance_generate.engine.running_request import PREFILL_STEPS
from resonance_generate.generation import Generation
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

SECONDS = 8.0


class SteeringResolver(RecipeResolver):
    """The real resolver, whose recipes all have one steering under one rule."""

    rule = SteeringRule.ADD

    async def resolve(self, recipe: steering_pb2.Recipe) -> ResolvedRecipe:
        resolved, config = await super().resolve(recipe), self._model.config
        torch.manual_seed(3)
        steering = torch.randn(config.layer_count, 2, config.hidden_size) * 0.3
        params = replace(resolved.params, steering=steering, baselines=torch.zeros(config.layer_count), rule=self.rule)
        return replace(resolved, params=params)


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=1, queue_places=1, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


def request_of(request_id: str) -> generate_pb2.GenerateRequest:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz", weight=1.0)])
    return generate_pb2.GenerateRequest(request_id=request_id, recipe=recipe, duration_s=SECONDS, seed=7)


async def received(generation: Generation, request_id: str, *, until_s: float = SECONDS) -> bytes:
    """The take's samples; the client leaves after `until_s` seconds."""
    pcm = b""
    async with aclosing(generation.run(request_of(request_id))) as events:
        async for event in events:
            pcm += event.data if isinstance(event, audio_pb2.AudioChunk) else b""
            if len(pcm) >= 2 * until_s * 16_000 and until_s < SECONDS:
                break
    return pcm


@pytest.mark.parametrize("rule", list(SteeringRule))
async def test_a_cut_take_goes_on_with_the_same_sound(tiny: LoadedModel, engine: Engine, rule: SteeringRule) -> None:
    store, info = MemoryStore(), to_model_info(tiny, Settings())
    resolver = SteeringResolver(tiny, Vectors(store, model_digest="", item_max=1))
    resolver.rule = rule
    takes = TakeLibrary(store)
    generation = Generation(
        engine,
        resolver,
        MelodyReader(tiny, Settings()),
        OriginSoundReader(tiny, Settings(), store),
        takes,
        StoreRoom(store, info),
        info,
    )
    whole = await received(generation, "whole")
    begun = await received(generation, "cut", until_s=6.5)
    assert begun == whole[: len(begun)]
    assert await received(generation, "cut") == whole
    await takes.close()


class StuckStore(MemoryStore):
    """Never answers the write of a checkpoint."""

    async def put(self, key: str, data: bytes) -> str:
        if key.startswith("checkpoints/"):
            await asyncio.sleep(3600)
        return await super().put(key, data)


async def test_a_store_that_answers_no_more_costs_the_checkpoint_and_not_the_music(
    tiny: LoadedModel, engine: Engine
) -> None:
    store, info = StuckStore(), to_model_info(tiny, Settings())
    resolver = SteeringResolver(tiny, Vectors(store, model_digest="", item_max=1))
    takes = TakeLibrary(store)
    generation = Generation(
        engine,
        resolver,
        MelodyReader(tiny, Settings()),
        OriginSoundReader(tiny, Settings(), store),
        takes,
        StoreRoom(store, info),
        info,
    )
    async with asyncio.timeout(20):
        assert len(await received(generation, "stuck", until_s=7.5)) >= 7.5 * 32_000
    await takes.close()


def request_with(seed: int, prompt_tokens: Codes) -> EngineRequest:
    params = GenerationParams(
        recipe_id="", prompts=(("jazz", 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
    )
    stream = ChunkStream(asyncio.get_running_loop(), samples_max=10**7)
    return EngineRequest(
        request_id=str(seed),
        params=params,
        seed=seed,
        frame_count=prompt_tokens.shape[1],
        chunk_frames=25,
        stream=stream,
        prompt_tokens=prompt_tokens,
    )


async def test_takes_that_go_on_together_are_read_one_slice_a_step(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart all cut takes come back at once. A slice of each in every step would be a gap in live music beside them."""
    engine = Engine(tiny, slot_count=8, queue_places=0, stall_s_max=5)
    prompt_tokens = np.full((4, 300), -1)
    prompt_tokens[:, :250] = 5
    for place in range(8):
        engine.submit(request_with(place, prompt_tokens))
    sizes = record_read_sizes(tiny, monkeypatch)
    read_by_step = []
    with torch.inference_mode():
        while engine.running_count < 8 or any(running.sequence.needs_prefill for running in engine.running):
            sizes.clear()
            engine.tick()
            read_by_step.append(sum(sizes))
    assert sum(read_by_step) == 8 * 250
    assert max(read_by_step) <= PREFILL_STEPS
