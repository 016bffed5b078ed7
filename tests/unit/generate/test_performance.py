"""A performance whose controls break inside is ended and told, not played on deaf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from resonance.settings import Settings
from resonance.store.memory import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.engine import Engine
from resonance_generate.performance import Performance
from resonance_generate.player import Player
from resonance_generate.recipes import RecipeBook, Resolved
from resonance_generate.tunes import Tunes
from resonance_generate.vectors import Vectors
from resonance_model.info import info_of
from resonance_model.loaded import LoadedModel

RECIPE = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")])


class BreakingBook(RecipeBook):
    """The real book, which fails in an unforeseen way at the second recipe."""

    count = 0

    async def resolve(self, recipe: steering_pb2.Recipe) -> Resolved:
        self.count += 1
        if self.count > 1:
            raise ZeroDivisionError("unforeseen")
        return await super().resolve(recipe)


async def controls() -> AsyncIterator[generate_pb2.PerformRequest]:
    yield generate_pb2.PerformRequest(opening=generate_pb2.PerformOpening(recipe=RECIPE))
    yield generate_pb2.PerformRequest(control=generate_pb2.PerformControl(recipe=RECIPE))
    await asyncio.sleep(60)


async def hear(performance: Performance) -> None:
    async with aclosing(performance.run(controls())) as events:
        async for _ in events:
            pass


async def test_an_unforeseen_failure_of_a_control_ends_the_performance(tiny: LoadedModel) -> None:
    engine = Engine(tiny, slot_count=1, queue_places=0, stall_s_max=5)
    engine.start()
    try:
        performance = Performance(
            Player(engine, lead_s_max=10),
            BreakingBook(tiny, Vectors(MemoryStore(), model_digest="", item_max=1)),
            Tunes(tiny, Settings()),
            info_of(tiny, Settings()),
        )
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(hear(performance), 20)
    finally:
        await asyncio.to_thread(engine.stop)
