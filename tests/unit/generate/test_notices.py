"""Request notices in answers, takes, replays and live control answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from support.directions import put_concept

from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import extract_pb2, generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.performance import Performance
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

PLAIN = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")])
BEYOND = steering_pb2.Recipe(
    prompts=[steering_pb2.WeightedPrompt(text="jazz")],
    concepts=[steering_pb2.ConceptWeight(name="warm", strength=8.0)],
)


@pytest.fixture
async def store(tiny: LoadedModel) -> MemoryStore:
    store = MemoryStore()
    await put_concept(store, tiny, "warm", calibration=extract_pb2.Calibration(strength_min=-1, strength_max=0.5))
    return store


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=1, queue_places=1, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


def check(notices: object, played: object) -> None:
    (notice,) = notices  # type: ignore[misc]
    assert "warm was held to 0.5" in notice
    (use,) = played  # type: ignore[misc]
    assert (use.name, use.asked, use.strength) == ("warm", 8.0, 0.5)


async def test_a_take_and_its_replay_say_what_was_played(tiny: LoadedModel, store: MemoryStore, engine: Engine) -> None:
    takes = TakeLibrary(store)
    resolver = RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=1))
    info = to_model_info(tiny, Settings())
    generation = Generation(
        engine,
        resolver,
        MelodyReader(tiny, Settings()),
        OriginSoundReader(tiny, Settings(), store),
        takes,
        StoreRoom(store, info),
        info,
    )
    request = generate_pb2.GenerateRequest(request_id="mine", recipe=BEYOND, duration_s=1, seed=1)
    for _ in ("made", "replayed"):
        async with aclosing(generation.run(request)) as responses:
            events = [event async for event in responses]
        started, finished = events[0], events[-1]
        assert isinstance(started, generate_pb2.GenerationStarted)
        assert isinstance(finished, generate_pb2.GenerationFinished)
        take = finished.take
        assert started.recipe.concepts[0].strength == take.recipe.concepts[0].strength == 8.0
        for described in (started, take, await takes.get("mine")):
            check(described.notices, described.played)
    await takes.close()


async def test_a_live_control_beyond_the_range_is_answered_with_a_notice(
    tiny: LoadedModel, store: MemoryStore, engine: Engine
) -> None:
    async def controls() -> AsyncIterator[generate_pb2.PerformRequest]:
        yield generate_pb2.PerformRequest(opening=generate_pb2.PerformOpening(recipe=PLAIN))
        yield generate_pb2.PerformRequest(control=generate_pb2.PerformControl(recipe=BEYOND))
        await asyncio.sleep(60)

    resolver = RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=1))
    performance = Performance(
        engine, resolver, MelodyReader(tiny, Settings()), TakeLibrary(MemoryStore()), to_model_info(tiny, Settings())
    )
    async with aclosing(performance.run(controls())) as events:
        async for event in events:
            if isinstance(event, generate_pb2.GenerationStarted):
                assert not event.notices
            if isinstance(event, generate_pb2.RecipeInForce):
                assert event.recipe.concepts[0].strength == 8.0
                check(event.notices, event.played)
                return
