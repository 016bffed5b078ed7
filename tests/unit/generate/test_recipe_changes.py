"""Recipes that change during a take: from which sample they act, what is kept, and what is refused."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=3, queue_places=0, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


@pytest.fixture
async def generation(tiny: LoadedModel, engine: Engine) -> AsyncIterator[Generation]:
    store, info = MemoryStore(), to_model_info(tiny, Settings())
    resolver = RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=1))
    melodies = MelodyReader(tiny, Settings())
    sounds = OriginSoundReader(tiny, Settings(), store)
    takes = TakeLibrary(store)
    yield Generation(engine, resolver, melodies, sounds, takes, StoreRoom(store, info), info)
    await takes.close()


def recipe_of(text: str) -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=text, weight=1.0)])


def request_of(request_id: str, *changes: tuple[float, str], **fields: object) -> generate_pb2.GenerateRequest:
    request = generate_pb2.GenerateRequest(
        **{"request_id": request_id, "recipe": recipe_of("jazz"), "duration_s": 2, "seed": 7} | fields  # type: ignore[arg-type]
    )
    for start_s, text in changes:
        request.recipe_changes.add(start_s=start_s, recipe=recipe_of(text))
    return request


async def made(generation: Generation, request: generate_pb2.GenerateRequest) -> tuple[bytes, generate_pb2.Take]:
    pcm, take = b"", None
    async with aclosing(generation.run(request)) as events:
        async for event in events:
            if hasattr(event, "data"):
                pcm += event.data
            if isinstance(event, generate_pb2.GenerationFinished):
                take = event.take
    assert take is not None
    return pcm, take


async def test_a_change_acts_from_its_sample_on_and_not_before(generation: Generation) -> None:
    plain, _ = await made(generation, request_of("plain"))
    changed, take = await made(generation, request_of("changed", (1.0, "drums"), (1.5, "jazz")))
    assert len(changed) == len(plain)
    first = take.recipe_changes[0].sample_offset
    assert first == take.format.sample_rate_hz
    assert changed[: first * 2] == plain[: first * 2]
    assert changed[first * 2 :] != plain[first * 2 :]
    assert [change.recipe.prompts[0].text for change in take.recipe_changes] == ["drums", "jazz"]


@pytest.mark.parametrize("start_s", [0.05, 0.733, 1.4])
async def test_editing_at_a_time_changes_no_sample_before_it(generation: Generation, start_s: float) -> None:
    """Also where other changes lie before and just after it, and where the time is on no frame's edge."""
    around = ((0.03, "drums"), (1.43, "strings"))
    plain, _ = await made(generation, request_of("plain", *around))
    edited, take = await made(generation, request_of("edited", *sorted([*around, (start_s, "slow piano")])))
    first = math.floor(start_s * take.format.sample_rate_hz)
    assert edited[: first * 2] == plain[: first * 2]
    assert edited != plain


async def test_the_same_request_gives_the_same_samples_alone_and_in_company(generation: Generation) -> None:
    alone, _ = await made(generation, request_of("alone", (0.5, "drums")))
    again, other = await asyncio.gather(
        made(generation, request_of("again", (0.5, "drums"))), made(generation, request_of("other", (0.7, "strings")))
    )
    assert again[0] == alone
    assert other[0] != alone


async def test_a_repeated_request_is_replayed_and_another_schedule_is_another_request(generation: Generation) -> None:
    first, _ = await made(generation, request_of("mine", (0.5, "drums")))
    assert (await made(generation, request_of("mine", (0.5, "drums"))))[0] == first
    with pytest.raises(Exception, match="another request"):
        await made(generation, request_of("mine", (0.6, "drums")))


@pytest.mark.parametrize(
    ("changes", "fields", "field"),
    [
        ([(0.0, "drums")], {}, "recipe_changes[0].start_s"),
        ([(1.0, "drums"), (1.0, "jazz")], {}, "recipe_changes[1].start_s"),
        ([(2.0, "drums")], {}, "recipe_changes[0].start_s"),
        ([(1.0, "drums")], {"loop": True}, "recipe_changes"),
    ],
)
async def test_times_that_cannot_be_are_refused(
    generation: Generation, changes: list[tuple[float, str]], fields: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await made(generation, request_of("wrong", *changes, **fields))
    assert refusal.value.violations[0].field == field
