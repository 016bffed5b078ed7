"""Engine: admission, isolation, disconnects, stalls, commands, stopping."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import replace

import pytest
import torch
from prometheus_client import REGISTRY
from support.tape import Taping

from resonance.errors import DeadlineExceeded, NotFound, Overloaded, ResonanceError, Unavailable
from resonance_generate.engine import engine as engine_module
from resonance_generate.engine import preemption
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.running_request import RunningRequest
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel

SLOTS, PLACES = 2, 2
_PROMPTS = ("jazz", "rock with drums", "piano", "calm strings")


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=SLOTS, queue_places=PLACES, stall_s_max=0.3)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


class SteppedEngine:
    """An engine without its thread, whose ticks the test takes. Its clock moves by 10 ms a tick, half a frame."""

    def __init__(self, model: LoadedModel) -> None:
        self.now_s = 0.0
        self.engine = Engine(model, slot_count=SLOTS, queue_places=PLACES, stall_s_max=5, clock=lambda: self.now_s)

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Ticks for so many seconds of the clock, or until the condition holds."""
        end_s = self.now_s + seconds
        with torch.inference_mode():
            while self.now_s < end_s and not until():
                self.engine.tick()
                self.now_s += 0.01


@pytest.fixture
async def stepped(tiny: LoadedModel) -> SteppedEngine:
    return SteppedEngine(tiny)


def request(
    request_id: str, *, seconds: float = 1.0, room_s: float = 100.0, seed: int = 1, prompt: str = "jazz"
) -> EngineRequest:
    params = GenerationParams(
        recipe_id=prompt, prompts=((prompt, 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
    )
    return EngineRequest(
        request_id=request_id,
        params=params,
        seed=seed,
        frame_count=round(seconds * 50),
        chunk_frames=25,
        stream=ChunkStream(asyncio.get_running_loop(), samples_max=round(room_s * 16_000)),
    )


async def pcm_of(wanted: EngineRequest) -> bytes:
    async with aclosing(wanted.stream):
        return b"".join([block.pcm async for block in wanted.stream])


async def until_free(engine: Engine) -> float:
    started_s = time.monotonic()
    while engine.running_count or engine.waiting_count:
        await asyncio.sleep(0.005)
        assert time.monotonic() - started_s < 5
    return time.monotonic() - started_s


async def test_a_take_has_exactly_its_samples(engine: Engine) -> None:
    wanted = request("a", seconds=1.5)
    engine.submit(wanted)
    assert len(await pcm_of(wanted)) == 2 * 24_000


async def test_company_changes_no_bytes(engine: Engine) -> None:
    alone = request("alone", seconds=2)
    engine.submit(alone)
    expected = await pcm_of(alone)
    requests = [
        request("same", seconds=2),
        request("other", seconds=1, seed=9, prompt="rock"),
        request("third", prompt="piano"),
    ]
    for each in requests:
        engine.submit(each)
    received = await asyncio.gather(*(pcm_of(each) for each in requests))
    assert received[0] == expected
    assert received[1] != received[2]


async def test_in_a_static_batch_the_bytes_are_the_same(engine: Engine, tiny: LoadedModel) -> None:
    """As on a GPU, with taped steps for graphs: takes that wait, join and leave, and one that is dropped in the middle."""

    async def played(engine: Engine) -> list[bytes]:
        requests = [
            request(str(seed), seconds=1 + seed % 3, seed=seed, prompt=prompt) for seed, prompt in enumerate(_PROMPTS)
        ]
        for each in requests:
            engine.submit(each)
        requests[2].stream.close()
        received = await asyncio.gather(*(pcm_of(each) for each in (requests[0], requests[1], requests[3])))
        await until_free(engine)
        return received

    static_batch = StaticBatch(tiny.decoder, Taping(), place_count=SLOTS, position_count=1504)
    batched = Engine(tiny, slot_count=SLOTS, queue_places=PLACES, stall_s_max=0.3, static_batch=static_batch)
    batched.start()
    try:
        assert await played(batched) == await played(engine)
    finally:
        await asyncio.to_thread(batched.stop)


async def test_exactly_slots_and_places_are_admitted_in_every_wave(engine: Engine) -> None:
    for wave in range(3):
        admitted, refused = [], []
        for index in range(20):
            each = request(f"{wave}-{index}", seconds=60, room_s=0.5)
            try:
                engine.submit(each)
                admitted.append(each)
            except Overloaded as refusal:
                refused.append(refusal)
        assert len(admitted) == SLOTS + PLACES
        assert all(refusal.retry_after_s is not None and refusal.retry_after_s >= 1 for refusal in refused)
        for each in admitted:
            each.stream.close()
        await until_free(engine)


@pytest.mark.parametrize("after_blocks", [0, 1, 3])
async def test_a_client_that_leaves_frees_the_slot_within_a_quarter_of_a_second(
    engine: Engine, after_blocks: int
) -> None:
    wanted = request("leaver", seconds=100)
    engine.submit(wanted)
    for _ in range(after_blocks):
        await anext(wanted.stream)
    wanted.stream.close()
    assert await until_free(engine) <= 0.25


async def test_a_client_that_reads_nothing_is_dropped_and_holds_up_no_other(engine: Engine) -> None:
    idle, keen = request("idle", seconds=100, room_s=0.5), request("keen", seconds=2)
    engine.submit(idle)
    engine.submit(keen)
    assert len(await pcm_of(keen)) == 2 * 32_000
    await until_free(engine)
    with pytest.raises(DeadlineExceeded, match="resume_sample_offset"):
        async for _ in idle.stream:
            pass


async def test_stopping_ends_every_stream(tiny: LoadedModel) -> None:
    engine = Engine(tiny, slot_count=1, queue_places=1, stall_s_max=5)
    engine.start()
    playing, waiting = request("playing", seconds=200), request("waiting")
    engine.submit(playing)
    engine.submit(waiting)
    await anext(playing.stream)
    await asyncio.to_thread(engine.stop)
    for each in (playing, waiting):
        with pytest.raises(Unavailable):
            async for _ in each.stream:
                pass
    with pytest.raises(Unavailable):
        engine.submit(request("late"))


async def test_the_first_chunk_is_short_and_the_others_are_as_asked(engine: Engine) -> None:
    wanted = request("chunks", seconds=3)
    engine.submit(wanted)
    counts = [block.sample_count async for block in wanted.stream]
    assert counts[:3] == [10 * 320, 25 * 320, 25 * 320]
    assert sum(counts) == 48_000


def performance(request_id: str, *, prompt: str = "jazz") -> EngineRequest:
    """A request without an end, made in real time."""
    return replace(request(request_id, prompt=prompt), frame_count=None, chunk_frames=10, lead_s=0.2)


async def changed(engine: Engine, playing: EngineRequest, params: GenerationParams) -> int:
    """The first sample that the new params shape."""
    return await asyncio.wait_for(asyncio.wrap_future(update(engine, playing, params)), 5)


def update(engine: Engine, playing: EngineRequest, params: GenerationParams) -> Future[int]:
    return engine.apply(playing, lambda running: running.update(params))


def sample_count(playing: EngineRequest) -> int:
    """Samples that wait to be read."""
    return sum(block.sample_count for block in playing.stream.waiting)


async def test_a_performance_is_made_in_real_time_and_stops_on_command(stepped: SteppedEngine) -> None:
    playing = performance("live")
    stepped.engine.submit(playing)
    stepped.run(1.0)
    stepped.engine.apply(playing, RunningRequest.finish)
    stepped.run(0.01)
    seconds = sum([block.sample_count async for block in playing.stream]) / 16_000
    assert 0.5 < seconds < 2.0


async def test_a_change_shapes_the_very_next_frames(engine: Engine) -> None:
    playing = performance("live")
    engine.submit(playing)
    blocks = [await anext(playing.stream) for _ in range(2)]
    received_until = blocks[-1].sample_offset + blocks[-1].sample_count
    offset = await changed(engine, playing, replace(playing.params, recipe_id="new", prompts=(("rock", 1.0),)))
    assert offset - received_until <= (0.4 + 0.2 + 0.2) * 16_000
    while (block := await anext(playing.stream)).recipe_id != "new":
        assert block.sample_offset <= offset
    playing.stream.close()


async def test_a_chunk_is_cut_where_another_recipe_begins(stepped: SteppedEngine) -> None:
    playing = replace(performance("live"), chunk_frames=100, lead_s=4.0)
    stepped.engine.submit(playing)
    stepped.run(5.0, until=lambda: sample_count(playing) > 0)
    begins: dict[str, int] = {"jazz": 0}
    for name in ("one", "two", "three"):
        start = update(stepped.engine, playing, replace(playing.params, recipe_id=name, temperature=0.9))
        stepped.run(0.05)
        begins[name] = start.result(0)

    def is_whole_chunk_of_the_last() -> bool:
        last = playing.stream.waiting[-1]
        return last.recipe_id == "three" and last.sample_count == 100 * 320

    stepped.run(20.0, until=is_whole_chunk_of_the_last)
    blocks = playing.stream.waiting
    for before, after in itertools.pairwise(blocks):
        assert after.sample_offset == before.sample_offset + before.sample_count
        assert len(after.pcm) == 2 * after.sample_count
    read_first = {block.recipe_id: block.sample_offset for block in reversed(blocks)}
    assert read_first == {name: offset for name, offset in begins.items() if name in read_first}
    assert {"jazz", "three"} <= read_first.keys()
    assert sum(block.codes.shape[1] for block in blocks) * 320 >= sum(block.sample_count for block in blocks)


async def test_a_pause_holds_the_music_and_play_goes_on(stepped: SteppedEngine) -> None:
    playing = performance("live")
    stepped.engine.submit(playing)
    stepped.run(1.0)
    stepped.engine.apply(playing, RunningRequest.pause)
    stepped.run(0.02)
    held = sample_count(playing)
    assert held > 0
    stepped.run(5.0)
    assert sample_count(playing) == held
    stepped.engine.apply(playing, RunningRequest.play)
    stepped.run(1.0)
    assert sample_count(playing) > held


async def test_a_command_for_a_request_that_waits_is_kept_until_it_has_a_slot(stepped: SteppedEngine) -> None:
    running = [request(f"busy-{index}", seconds=100, room_s=0.5) for index in range(SLOTS)]
    for each in running:
        stepped.engine.submit(each)
    waiting = performance("waiting")
    stepped.engine.submit(waiting)
    change = update(stepped.engine, waiting, replace(waiting.params, recipe_id="new"))
    stepped.run(0.2)
    assert not change.done()
    running[0].stream.close()
    stepped.run(0.05)
    assert change.result(0) == 0


async def test_commands_for_an_unknown_request_are_refused(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.apply(request("unknown"), RunningRequest.pause)


async def test_a_command_whose_request_ends_before_it_fails(stepped: SteppedEngine) -> None:
    playing = performance("live")
    stepped.engine.submit(playing)
    stepped.run(0.05)
    stepped.engine.apply(playing, RunningRequest.finish)
    late = stepped.engine.apply(playing, RunningRequest.pause)
    stepped.run(0.01)
    with pytest.raises(NotFound):
        late.result(0)


async def test_two_performances_of_one_id_do_not_share_their_commands(engine: Engine) -> None:
    first, second = performance("same-id"), performance("same-id")
    for each in (first, second):
        engine.submit(each)
        await anext(each.stream)
    engine.apply(first, RunningRequest.finish)
    async for _ in first.stream:
        pass
    await asyncio.wait_for(anext(second.stream), 5)
    second.stream.close()


async def test_the_engine_measures_waits_headroom_and_slack(engine: Engine) -> None:
    waits = REGISTRY.get_sample_value("resonance_engine_queue_wait_seconds_count") or 0
    wanted = [request(str(place), seconds=1) for place in range(3)]
    for one in wanted:
        engine.submit(one)
    await asyncio.gather(*map(pcm_of, wanted))
    assert REGISTRY.get_sample_value("resonance_engine_queue_wait_seconds_count") == waits + 3
    assert (REGISTRY.get_sample_value("resonance_engine_headroom_ratio") or 0) > 0
    assert REGISTRY.get_sample_value("resonance_engine_slack_min_seconds") is not None


async def test_a_client_that_runs_dry_is_counted(stepped: SteppedEngine) -> None:
    before = REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0
    late = request("late", seconds=2)
    stepped.engine.submit(late)
    stepped.run(5.0, until=lambda: sample_count(late) > 0)
    stepped.now_s += 60
    stepped.run(5.0, until=lambda: stepped.engine.running_count == 0)
    assert (REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0) > before


def test_a_stop_that_comes_between_two_looks_is_not_missed(tiny: LoadedModel) -> None:
    class SlowEngine(Engine):
        """Looks for work until the stop has come: the moment at which a notification finds no waiting thread."""

        def tick(self) -> bool:
            moved = super().tick()
            while not self.is_stopping:
                time.sleep(0.001)
            return moved

    engine = SlowEngine(tiny, slot_count=SLOTS, queue_places=PLACES, stall_s_max=0.3)
    engine.start()
    stopper = threading.Thread(target=engine.stop, daemon=True)
    stopper.start()
    stopper.join(5)
    assert not stopper.is_alive(), "the engine waits for a notification that came before it waited"


async def test_commands_for_a_request_that_waits_are_applied_in_their_order(stepped: SteppedEngine) -> None:
    """The second command comes after the engine has looked at the first."""
    running = [request(f"r{index}", seconds=30) for index in range(SLOTS)]
    for each in running:
        stepped.engine.submit(each)
    waiting = request("waiting", seconds=1)
    stepped.engine.submit(waiting)
    applied: list[str] = []
    for name in ("first", "second"):
        stepped.engine.apply(waiting, lambda running, name=name: applied.append(name))  # type: ignore[misc]
        stepped.run(0.05)
    assert applied == []
    for each in running:
        each.stream.close()
    stepped.run(0.05)
    assert applied == ["first", "second"]


async def test_a_command_for_a_request_that_is_joining_is_kept(tiny: LoadedModel) -> None:
    """Requests that come together join one a tick: a command of the third one is applied like that of the first."""
    engine = Engine(tiny, slot_count=3, queue_places=0, stall_s_max=5)
    playing = [performance(str(place)) for place in range(3)]
    changes = []
    for each in playing:
        engine.submit(each)
        changes.append(asyncio.create_task(changed(engine, each, replace(each.params, recipe_id="new"))))
    await asyncio.sleep(0)  # every command is given before the engine has begun anything
    engine.start()
    try:
        assert await asyncio.gather(*changes) == [0, 0, 0]
    finally:
        await asyncio.to_thread(engine.stop)


async def test_a_failed_step_ends_also_requests_that_are_joining(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: a request whose stream was ended does not begin afterwards."""
    engine = Engine(tiny, slot_count=3, queue_places=0, stall_s_max=5)
    waiting = [request(str(place)) for place in range(3)]
    for each in waiting:
        engine.submit(each)
    begun: list[EngineRequest] = []

    def counted(one: EngineRequest, model: LoadedModel, clock: Callable[[], float]) -> RunningRequest:
        begun.append(one)
        return RunningRequest(one, model, clock)

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(engine_module, "RunningRequest", counted)
    with monkeypatch.context() as broken:
        broken.setattr(engine_module, "advance", fail)
        engine.start()
        try:
            for each in waiting:
                with pytest.raises(ResonanceError, match="the engine failed"):
                    await anext(each.stream)
        except BaseException:
            await asyncio.to_thread(engine.stop)
            raise
    try:
        after = request("after")
        engine.submit(after)
        await pcm_of(after)
    finally:
        await asyncio.to_thread(engine.stop)
    assert begun == [waiting[0], after]


async def test_a_background_request_moves_only_while_no_listener_wants_steps(stepped: SteppedEngine) -> None:
    engine = stepped.engine
    background, listener = replace(request("b", seconds=2), is_background=True), request("l", seconds=1)
    engine.submit(background)
    stepped.run(0.2)
    (held,) = engine.running
    before = held.sequence.step
    assert before > 0
    assert not engine.has_listeners, "no listener waits for it"
    engine.submit(listener)
    assert engine.has_listeners
    stepped.run(0.1)
    assert engine.running_count == 2
    stepped.run(60, until=lambda: engine.running_count == 1)
    assert held.sequence.step - before <= 1, "it waited for the listener's whole take"
    assert len(await pcm_of(listener)) == 2 * 16_000
    stepped.run(60, until=lambda: not engine.running_count)
    assert len(await pcm_of(background)) == 2 * 32_000
    assert not engine.has_listeners


async def test_background_requests_give_their_slots_and_places_to_listeners(stepped: SteppedEngine) -> None:
    engine = stepped.engine
    background = [replace(request(f"b{number}", seconds=9), is_background=True) for number in range(SLOTS + PLACES)]
    for each in background:
        engine.submit(each)
    stepped.run(0.1)
    with pytest.raises(Overloaded):
        engine.submit(replace(request("one too many"), is_background=True))
    listeners = [request(f"l{number}") for number in range(SLOTS)]
    for each in listeners:
        engine.submit(each)
    stepped.run(0.1)
    assert {one.request.request_id for one in engine.running} == {"l0", "l1"}
    with pytest.raises(Overloaded) as refusal:
        await pcm_of(background[0])
    assert refusal.value.reason == "GAVE_WAY"
    assert refusal.value.retry_after_s == preemption.BACKGROUND_RETRY_S


async def test_a_background_request_that_is_held_for_long_ends(
    stepped: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preemption, "BACKGROUND_HELD_S_MAX", 0.5)
    background = replace(request("b", seconds=9), is_background=True)
    stepped.engine.submit(background)
    stepped.engine.submit(request("l", seconds=4))
    stepped.run(1.0)
    with pytest.raises(Overloaded):
        await pcm_of(background)
