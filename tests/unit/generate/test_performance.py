"""Performances: unforeseen control failures end the performance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from resonance.settings import Settings
from resonance.store.memory import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.performance import Performance
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

RECIPE = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")])


class BreakingResolver(RecipeResolver):
    """The real resolver, which fails in an unforeseen way at the second recipe."""

    count = 0

    async def resolve(self, recipe: steering_pb2.Recipe) -> ResolvedRecipe:
        self.count += 1
        if self.count > 1:
            raise ZeroDivisionError("unforeseen")
        return await super().resolve(recipe)


async def controls() -> AsyncIterator[generate_pb2.PerformRequest]:
    yield generate_pb2.PerformRequest(opening=generate_pb2.PerformOpening(recipe=RECIPE))
    yield generate_pb2.PerformRequest(control=generate_pb2.PerformControl(recipe=RECIPE))
    await asyncio.sleep(60)


async def play(performance: Performance) -> None:
    async with aclosing(performance.run(controls())) as events:
        async for _ in events:
            pass


async def test_an_unforeseen_failure_of_a_control_ends_the_performance(tiny: LoadedModel) -> None:
    engine = Engine(tiny, slot_count=1, queue_places=0, stall_s_max=5)
    engine.start()
    try:
        performance = Performance(
            engine,
            BreakingResolver(tiny, Vectors(MemoryStore(), model_digest="", item_max=1)),
            MelodyReader(tiny, Settings()),
            to_model_info(tiny, Settings()),
        )
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(play(performance), 20)
    finally:
        await asyncio.to_thread(engine.stop)
