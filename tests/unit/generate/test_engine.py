"""The engine's promises: admission, company, leaving, stalling, stopping."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from support.tape import Taping

from resonance.errors import DeadlineExceeded, NotFound, Overloaded, ResonanceError, Unavailable
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
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


def job(
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
        return b"".join([piece.pcm async for piece in wanted.stream])


async def until_free(engine: Engine) -> float:
    started_s = time.monotonic()
    while engine.running_count or engine.waiting_count:
        await asyncio.sleep(0.005)
        assert time.monotonic() - started_s < 5
    return time.monotonic() - started_s


async def test_a_take_has_exactly_its_samples(engine: Engine) -> None:
    wanted = job("a", seconds=1.5)
    engine.submit(wanted)
    assert len(await pcm_of(wanted)) == 2 * 24_000


async def test_company_changes_no_bytes(engine: Engine) -> None:
    alone = job("alone", seconds=2)
    engine.submit(alone)
    expected = await pcm_of(alone)
    jobs = [job("same", seconds=2), job("other", seconds=1, seed=9, prompt="rock"), job("third", prompt="piano")]
    for each in jobs:
        engine.submit(each)
    heard = await asyncio.gather(*(pcm_of(each) for each in jobs))
    assert heard[0] == expected
    assert heard[1] != heard[2]


async def test_on_a_stage_the_bytes_are_the_same(engine: Engine, tiny: LoadedModel) -> None:
    """As on a GPU, with taped steps for graphs: takes that wait, join and leave, and one that is dropped in the middle."""

    async def played(engine: Engine) -> list[bytes]:
        jobs = [job(str(seed), seconds=1 + seed % 3, seed=seed, prompt=prompt) for seed, prompt in enumerate(_PROMPTS)]
        for each in jobs:
            engine.submit(each)
        jobs[2].stream.close()
        heard = await asyncio.gather(*(pcm_of(each) for each in (jobs[0], jobs[1], jobs[3])))
        await until_free(engine)
        return heard

    static_batch = StaticBatch(tiny.decoder, Taping(), place_count=SLOTS, position_count=1504)
    staged = Engine(tiny, slot_count=SLOTS, queue_places=PLACES, stall_s_max=0.3, static_batch=static_batch)
    staged.start()
    try:
        assert await played(staged) == await played(engine)
    finally:
        await asyncio.to_thread(staged.stop)


async def test_exactly_slots_and_places_are_admitted_in_every_wave(engine: Engine) -> None:
    for wave in range(3):
        admitted, refused = [], []
        for index in range(20):
            each = job(f"{wave}-{index}", seconds=60, room_s=0.5)
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


@pytest.mark.parametrize("after_pieces", [0, 1, 3])
async def test_a_listener_who_leaves_frees_the_slot_within_a_quarter_of_a_second(
    engine: Engine, after_pieces: int
) -> None:
    wanted = job("leaver", seconds=100)
    engine.submit(wanted)
    for _ in range(after_pieces):
        await anext(wanted.stream)
    wanted.stream.close()
    assert await until_free(engine) <= 0.25


async def test_a_listener_who_reads_nothing_is_let_go_and_hurts_nobody(engine: Engine) -> None:
    deaf, keen = job("deaf", seconds=100, room_s=0.5), job("keen", seconds=2)
    engine.submit(deaf)
    engine.submit(keen)
    assert len(await pcm_of(keen)) == 2 * 32_000
    await until_free(engine)
    with pytest.raises(DeadlineExceeded, match="resume_sample_offset"):
        async for _ in deaf.stream:
            pass


async def test_stopping_tells_every_listener(tiny: LoadedModel) -> None:
    engine = Engine(tiny, slot_count=1, queue_places=1, stall_s_max=5)
    engine.start()
    playing, waiting = job("playing", seconds=200), job("waiting")
    engine.submit(playing)
    engine.submit(waiting)
    await anext(playing.stream)
    await asyncio.to_thread(engine.stop)
    for each in (playing, waiting):
        with pytest.raises(Unavailable):
            async for _ in each.stream:
                pass
    with pytest.raises(Unavailable):
        engine.submit(job("late"))


async def test_the_first_chunk_is_short_and_the_others_are_as_asked(engine: Engine) -> None:
    wanted = job("chunks", seconds=3)
    engine.submit(wanted)
    counts = [piece.sample_count async for piece in wanted.stream]
    assert counts[:3] == [10 * 320, 25 * 320, 25 * 320]
    assert sum(counts) == 48_000


def performance(request_id: str, *, prompt: str = "jazz") -> EngineRequest:
    """A job without an end that makes sound in real time."""
    taken = job(request_id, prompt=prompt)
    return replace(taken, frame_count=None, chunk_frames=10, lead_s=0.2)


async def changed(engine: Engine, playing: EngineRequest, params: GenerationParams) -> int:
    """The first sample that the new params shapes."""
    loop = asyncio.get_running_loop()
    offset: asyncio.Future[int] = loop.create_future()
    engine.update(playing, params, lambda sample: loop.call_soon_threadsafe(offset.set_result, sample))
    return await asyncio.wait_for(offset, 5)


async def test_a_performance_is_made_in_real_time_and_stops_when_told(engine: Engine) -> None:
    playing = performance("live")
    engine.submit(playing)
    await asyncio.sleep(1.0)
    engine.finish(playing)
    seconds = sum([piece.sample_count async for piece in playing.stream]) / 16_000
    assert 0.5 < seconds < 2.0


async def test_a_change_shapes_the_very_next_frames(engine: Engine) -> None:
    playing = performance("live")
    engine.submit(playing)
    pieces = [await anext(playing.stream) for _ in range(2)]
    heard_until = pieces[-1].sample_offset + pieces[-1].sample_count
    offset = await changed(engine, playing, replace(playing.params, recipe_id="new", prompts=(("rock", 1.0),)))
    assert offset - heard_until <= (0.4 + 0.2 + 0.2) * 16_000
    while (piece := await anext(playing.stream)).recipe_id != "new":
        assert piece.sample_offset <= offset
    playing.stream.close()


async def test_a_chunk_is_cut_where_another_recipe_begins(engine: Engine) -> None:
    playing = replace(performance("live"), chunk_frames=100, lead_s=4.0)
    engine.submit(playing)
    pieces = [await anext(playing.stream)]
    begins: dict[str, int] = {"jazz": 0}
    for name in ("one", "two", "three"):
        begins[name] = await changed(engine, playing, replace(playing.params, recipe_id=name, temperature=0.9))
        await asyncio.sleep(0.05)
    while pieces[-1].recipe_id != "three" or pieces[-1].sample_count < 100 * 320:
        pieces.append(await anext(playing.stream))
    playing.stream.close()
    for before, after in itertools.pairwise(pieces):
        assert after.sample_offset == before.sample_offset + before.sample_count
        assert len(after.pcm) == 2 * after.sample_count
    read_first = {piece.recipe_id: piece.sample_offset for piece in reversed(pieces)}
    assert read_first == {name: offset for name, offset in begins.items() if name in read_first}
    assert {"jazz", "three"} <= read_first.keys()
    assert sum(piece.codes.shape[1] for piece in pieces) * 320 >= sum(piece.sample_count for piece in pieces)


async def test_a_pause_holds_the_music_and_play_goes_on(engine: Engine) -> None:
    playing = performance("live")
    engine.submit(playing)
    await anext(playing.stream)
    engine.pause(playing)
    await asyncio.sleep(0.2)
    while playing.stream._pieces:
        await anext(playing.stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(playing.stream), 0.5)
    engine.play(playing)
    await asyncio.wait_for(anext(playing.stream), 5)
    playing.stream.close()


async def test_an_order_for_a_job_that_still_waits_is_kept_until_it_plays(engine: Engine) -> None:
    running = [job(f"busy-{index}", seconds=100, room_s=0.5) for index in range(SLOTS)]
    for each in running:
        engine.submit(each)
    waiting = performance("waiting")
    engine.submit(waiting)
    change = asyncio.create_task(changed(engine, waiting, replace(waiting.params, recipe_id="new")))
    await asyncio.sleep(0.2)
    assert not change.done()
    running[0].stream.close()
    assert await change == 0
    for each in (*running, waiting):
        each.stream.close()


async def test_orders_for_nobody_are_refused(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.pause(job("nobody"))


async def test_two_performances_of_one_id_do_not_hear_each_others_controls(engine: Engine) -> None:
    first, second = performance("same-id"), performance("same-id")
    for each in (first, second):
        engine.submit(each)
        await anext(each.stream)
    engine.finish(first)
    async for _ in first.stream:
        pass
    await asyncio.wait_for(anext(second.stream), 5)
    second.stream.close()


async def test_the_engine_tells_waits_headroom_and_slack(engine: Engine) -> None:
    waits = REGISTRY.get_sample_value("resonance_engine_queue_wait_seconds_count") or 0
    wanted = [job(str(place), seconds=1) for place in range(3)]
    for one in wanted:
        engine.submit(one)
    await asyncio.gather(*map(pcm_of, wanted))
    assert REGISTRY.get_sample_value("resonance_engine_queue_wait_seconds_count") == waits + 3
    assert (REGISTRY.get_sample_value("resonance_engine_headroom_ratio") or 0) > 0
    assert REGISTRY.get_sample_value("resonance_engine_slack_min_seconds") is not None


async def test_a_listener_who_runs_dry_is_counted(engine: Engine) -> None:
    before = REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0
    late = job("late", seconds=2)
    engine.submit(late)
    async with aclosing(late.stream):
        await anext(late.stream)
        engine.pause(late)  # by hand, and so that nobody's clock is stopped for it
        row = next(row for row in engine._rows if row.job is late)
        await asyncio.sleep(0.1)
        row._first_put_s = time.monotonic() - 60
        engine.play(late)
        async for _ in late.stream:
            pass
    assert (REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0) > before


def test_a_stop_that_comes_between_two_looks_is_not_missed(tiny: LoadedModel) -> None:
    class Slow(Engine):
        """Looks for work until the stop has come: the moment at which a notification finds nobody waiting."""

        def _admit(self) -> None:
            super()._admit()
            while not self._is_stopping:
                time.sleep(0.001)

    engine = Slow(tiny, slot_count=SLOTS, queue_places=PLACES, stall_s_max=0.3)
    engine.start()
    stopper = threading.Thread(target=engine.stop, daemon=True)
    stopper.start()
    stopper.join(5)
    assert not stopper.is_alive(), "the engine waits for a word that was said before it listened"


async def test_orders_for_a_performance_that_waits_are_obeyed_as_they_came(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second order comes while the engine looks at the first."""
    running = [job(f"r{index}", seconds=30) for index in range(SLOTS)]
    for each in running:
        engine.submit(each)
    waiting = job("waiting", seconds=1)
    engine.submit(waiting)
    obeyed: list[str] = []
    keep = Engine._keep_for_later

    def come_between(self: Engine, early: list[tuple[EngineRequest, object]]) -> None:
        if early and not obeyed:
            obeyed.append("")
            engine._order(waiting, lambda row: obeyed.append("second"))
        keep(self, early)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "_keep_for_later", come_between)
    engine._order(waiting, lambda row: obeyed.append("first"))
    await asyncio.sleep(0.2)
    for each in running:
        each.stream.close()
    await pcm_of(waiting)
    assert obeyed == ["", "first", "second"]


async def test_an_order_for_a_job_that_has_its_slot_but_no_row_yet_is_kept(tiny: LoadedModel) -> None:
    """Jobs that come together get their rows one a tick: who comes third is obeyed like who comes first."""
    engine = Engine(tiny, slot_count=3, queue_places=0, stall_s_max=5)
    playing = [performance(str(place)) for place in range(3)]
    changes = []
    for each in playing:
        engine.submit(each)
        changes.append(asyncio.create_task(changed(engine, each, replace(each.params, recipe_id="new"))))
    await asyncio.sleep(0)  # every order is given before the engine has begun anything
    engine.start()
    try:
        assert await asyncio.gather(*changes) == [0, 0, 0]
    finally:
        await asyncio.to_thread(engine.stop)


async def test_a_failed_step_ends_also_those_who_have_no_row_yet(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: a job that was told of its end is not begun afterwards."""
    engine = Engine(tiny, slot_count=3, queue_places=0, stall_s_max=5)
    waiting = [job(str(place)) for place in range(3)]
    for each in waiting:
        engine.submit(each)
    begun: list[EngineRequest] = []
    begin = Engine._begin

    def counted(self: Engine, one: EngineRequest) -> object:
        begun.append(one)
        return begin(self, one)

    def fail(self: Engine, moving: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(Engine, "_begin", counted)
    monkeypatch.setattr(Engine, "_step", fail)
    engine.start()
    try:
        for each in waiting:
            with pytest.raises(ResonanceError, match="the engine failed"):
                await anext(each.stream)
        await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(engine.stop)
    assert len(begun) == 1
