"""Performances: unforeseen control failures, and music that is kept as a take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from resonance.errors import Conflict, FailedPrecondition, NotFound
from resonance.lanes import build_lanes_request, read_lanes, take_lanes, write_lanes
from resonance.settings import Settings
from resonance.store.memory import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.performance import Performance
from resonance_generate.takes import recording
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
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
            TakeLibrary(MemoryStore()),
            to_model_info(tiny, Settings()),
        )
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(play(performance), 20)
    finally:
        await asyncio.to_thread(engine.stop)


class Stage:
    """A performance over the tiny model, whose takes go into a store in memory."""

    def __init__(self, tiny: LoadedModel) -> None:
        self.takes = TakeLibrary(MemoryStore())
        self.engine = Engine(tiny, slot_count=1, queue_places=1, stall_s_max=5)
        resolver = RecipeResolver(tiny, Vectors(MemoryStore(), model_digest="", item_max=1))
        info = to_model_info(tiny, Settings())
        self.rate_hz = info.sample_rate_hz
        self.performance = Performance(self.engine, resolver, MelodyReader(tiny, Settings()), self.takes, info)

    async def play(
        self, *, request_id: str = "night", keep: bool = True, seconds: float = 1.5, leaves: bool = False
    ) -> bytes:
        """Plays so long, changes the words on the way, and stops or leaves; returns the samples that were sent."""
        orders: asyncio.Queue[generate_pb2.PerformControl | None] = asyncio.Queue()
        opening = generate_pb2.PerformOpening(recipe=RECIPE, request_id=request_id, seed=3, keep=keep)

        async def requests() -> AsyncIterator[generate_pb2.PerformRequest]:
            yield generate_pb2.PerformRequest(opening=opening)
            while (order := await orders.get()) is not None:
                yield generate_pb2.PerformRequest(control=order)

        other = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="slow drums")])
        pcm, is_stopping = b"", False
        async with aclosing(self.performance.run(requests())) as events:
            async for event in events:
                if not isinstance(event, audio_pb2.AudioChunk):
                    continue
                if not pcm:
                    orders.put_nowait(generate_pb2.PerformControl(recipe=other))
                pcm += event.data
                if len(pcm) >= 2 * seconds * self.rate_hz and not is_stopping:
                    if leaves:
                        break
                    is_stopping = True
                    orders.put_nowait(generate_pb2.PerformControl(command=generate_pb2.PLAYBACK_COMMAND_STOP))
        return pcm


@pytest.fixture
async def stage(tiny: LoadedModel) -> AsyncIterator[Stage]:
    made = Stage(tiny)
    made.engine.start()
    yield made
    await asyncio.to_thread(made.engine.stop)
    await made.takes.close()


async def test_a_kept_performance_is_a_take_sample_for_sample_with_its_changes(stage: Stage) -> None:
    sent = await asyncio.wait_for(stage.play(), 60)
    take = await stage.takes.get("night")
    assert await stage.takes.pcm(take) == sent
    assert take.duration_s == pytest.approx(len(sent) / 2 / stage.rate_hz)
    (change,) = take.recipe_changes
    assert take.is_performed
    assert [one.recipe.prompts[0].text for one in (take, change)] == ["jazz", "slow drums"]
    assert 0 < change.sample_offset < len(sent) // 2
    assert take.recipe.prompts[0].text == "jazz", "the recipe that it was opened with"
    with pytest.raises(FailedPrecondition, match="played live"):
        await stage.takes.codes(take)


async def test_the_lanes_of_a_performance_make_the_same_samples_again(stage: Stage, tiny: LoadedModel) -> None:
    """A take of the same recipes at the same times with the same seed: what was played, to the bit.

    The stop cut the last chunk: a chunk of another length has other last bits, and a take knows its end.
    """
    sent = await asyncio.wait_for(stage.play(), 60)
    info = to_model_info(tiny, Settings())
    resolver = RecipeResolver(tiny, Vectors(MemoryStore(), model_digest="", item_max=1))
    sounds = OriginSoundReader(tiny, Settings(), MemoryStore())
    room = StoreRoom(MemoryStore(), info)
    generation = Generation(stage.engine, resolver, MelodyReader(tiny, Settings()), sounds, stage.takes, room, info)
    lanes = read_lanes(write_lanes(take_lanes(await stage.takes.get("night"))))
    request = build_lanes_request(lanes, info, request_id="again").request
    assert len(request.recipe_changes) == 1
    pcm = b""
    async with aclosing(generation.run(request)) as events:
        async for event in events:
            pcm += event.data if isinstance(event, audio_pb2.AudioChunk) else b""
    assert len(pcm) == len(sent)
    cut_chunk = 2 * round(0.2 * stage.rate_hz) + 2 * stage.engine.lag_samples
    assert pcm[:-cut_chunk] == sent[:-cut_chunk]


async def test_a_player_who_leaves_without_a_stop_loses_nothing(stage: Stage) -> None:
    sent = await asyncio.wait_for(stage.play(leaves=True), 60)
    async with asyncio.timeout(10):
        while await stage.takes.find("night") is None:
            await asyncio.sleep(0.02)
    assert await stage.takes.pcm(await stage.takes.get("night")) == sent


async def test_a_performance_is_kept_only_where_it_was_asked_for_and_long_enough(stage: Stage) -> None:
    await asyncio.wait_for(stage.play(keep=False), 60)
    await asyncio.wait_for(stage.play(request_id="short", seconds=0.1), 60)
    for request_id in ("night", "short"):
        with pytest.raises(NotFound):
            await stage.takes.get(request_id)


async def test_a_kept_performance_replaces_no_other_take(stage: Stage) -> None:
    first = await asyncio.wait_for(stage.play(), 60)
    with pytest.raises(Conflict):
        await stage.play()
    assert await stage.takes.pcm(await stage.takes.get("night")) == first


async def test_of_a_long_performance_the_beginning_is_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PERFORMANCE_KEPT_S_MAX", 1.1)
    sent = await asyncio.wait_for(stage.play(seconds=2), 60)
    assert await stage.takes.pcm(await stage.takes.get("night")) == sent[: 2 * round(1.1 * stage.rate_hz)]
