"""Several takes of one request: their ids, seeds and samples, and failures beside them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from resonance.errors import InvalidInput, NotFound
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance.variations import variation_requests
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_generate.variations import Variations
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


def request_of(request_id: str = "mine", **fields: object) -> generate_pb2.GenerateRequest:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz", weight=1.0)])
    return generate_pb2.GenerateRequest(
        **{"request_id": request_id, "recipe": recipe, "duration_s": 1, "seed": 7} | fields
    )  # type: ignore[arg-type]


async def made(
    generation: Generation, request: generate_pb2.GenerateRequest, count: int
) -> tuple[dict[int, bytes], dict[int, generate_pb2.Take], dict[int, generate_pb2.VariationFailed]]:
    pcm: dict[int, bytes] = defaultdict(bytes)
    takes, failed = {}, {}
    asked = generate_pb2.GenerateVariationsRequest(request=request, count=count)
    async with aclosing(Variations(generation).run(asked)) as responses:
        async for one in responses:
            if one.HasField("failed"):
                failed[one.variation] = one.failed
            elif one.response.HasField("chunk"):
                pcm[one.variation] += one.response.chunk.data
            elif one.response.HasField("finished"):
                takes[one.variation] = one.response.finished.take
    return pcm, takes, failed


async def test_each_variation_is_a_take_of_its_own_and_the_first_is_the_take_of_the_request(
    generation: Generation,
) -> None:
    pcm, takes, failed = await made(generation, request_of(), 3)
    assert ({number: take.request_id for number, take in takes.items()}, failed) == (
        {1: "mine-1", 2: "mine-2", 3: "mine-3"},
        {},
    )
    assert len({take.seed for take in takes.values()}) == 3
    assert len(set(pcm.values())) == 3
    alone, _, _ = await made(generation, request_of("alone"), 1)
    assert (takes[1].seed, pcm[1]) == (7, alone[1])
    again, _, _ = await made(generation, request_of(), 3)
    assert again == pcm


async def test_a_variation_that_finds_no_place_fails_beside_the_others(generation: Generation) -> None:
    pcm, takes, failed = await made(generation, request_of(), 5)
    assert len(takes) == len(pcm) == 3
    assert {one.reason for one in failed.values()} == {"QUEUE_FULL"}
    assert sorted([*takes, *failed]) == [1, 2, 3, 4, 5]
    assert all(one.retry_after_s >= 1 for one in failed.values())


async def test_what_is_wrong_with_all_of_them_is_an_error_of_the_call(generation: Generation) -> None:
    unknown = request_of()
    unknown.recipe.concepts.add(name="unheard-of", strength=1)
    with pytest.raises(NotFound):
        await made(generation, unknown, 3)


async def test_a_client_that_leaves_stops_all_variations(generation: Generation, engine: Engine) -> None:
    asked = generate_pb2.GenerateVariationsRequest(request=request_of(duration_s=20), count=3)
    async with aclosing(Variations(generation).run(asked)) as responses:
        async for one in responses:
            if one.response.HasField("chunk"):
                break
    async with asyncio.timeout(20):
        while engine.running_count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"request_id": "x" * 63}, "request.request_id"), ({"resume_sample_offset": 5}, "request.resume_sample_offset")],
)
def test_what_variations_cannot_do_is_a_fault_of_its_field(fields: dict[str, object], name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        variation_requests(request_of(**fields), 3, field="request.")
    assert caught.value.violations[0].field == name


def test_a_request_without_id_and_seed_leaves_both_to_the_service() -> None:
    request = request_of("")
    request.ClearField("seed")
    made = variation_requests(request, 2)
    assert [(one.request_id, one.HasField("seed")) for one in made] == [("", False)] * 2
