"""Waiting: parked takes, places in the queue, and estimates that hold."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from support.stepped_engine import LEAD_S, RATE_HZ, SteppedEngine

from resonance_generate.engine.engine import Engine
from resonance_generate.waiting_news import blocks_and_news
from resonance_model.loaded_model import LoadedModel


@pytest.mark.parametrize("is_static", [False, True])
async def test_a_reader_with_the_lead_in_hand_lends_its_slot_and_goes_on_with_the_same_samples(
    tiny: LoadedModel, is_static: bool
) -> None:
    alone = SteppedEngine(tiny, is_static=is_static)
    whole = alone.submit("long", 12)
    read_alone: list[bytes] = []
    await alone.run(14, {"long": (whole, read_alone)})

    shared = SteppedEngine(tiny, is_static=is_static)
    long, read = shared.submit("long", 12), list[bytes]()
    players = {"long": (long, read)}
    await shared.run(4, players)
    short, read_short = shared.submit("short", 1), list[bytes]()
    players["short"] = (short, read_short)
    until_s = shared.now_s + 2
    while not shared.engine.parked_count and shared.now_s < until_s:
        await shared.run(0.02, players)
    place = shared.engine.place_of(long)
    assert place is not None
    assert place.is_parked
    await shared.run(12, players)
    assert sum(map(len, read_short)) == 2 * RATE_HZ
    assert b"".join(read) == b"".join(read_alone)
    assert len(b"".join(read)) == 2 * 12 * RATE_HZ


async def test_a_parked_take_comes_back_before_its_reader_has_nothing_left(tiny: LoadedModel) -> None:
    """Two readers in real time share one slot that makes music twice as fast as it is played; neither runs dry."""
    stepped = SteppedEngine(tiny)
    first, second = (stepped.submit("first", 20), []), (stepped.submit("second", 20), [])
    await stepped.run(4, {"first": first})
    lowest = {"first": LEAD_S, "second": LEAD_S}
    began_s = stepped.now_s
    while stepped.now_s < began_s + 12:
        await stepped.run(0.1, {"first": first})
        if stepped.now_s > began_s + 1:
            second_samples = sum(block.sample_count for block in second[0].stream.waiting)
            lowest["second"] = min(lowest["second"], second_samples / RATE_HZ)
        made = sum(map(len, first[1])) / 2 / RATE_HZ
        waiting = sum(block.sample_count for block in first[0].stream.waiting) / RATE_HZ
        lowest["first"] = min(lowest["first"], made + waiting - stepped.now_s)
    assert lowest["first"] > -0.5
    assert lowest["second"] > 0


async def test_a_performance_keeps_its_slot(tiny: LoadedModel) -> None:
    stepped = SteppedEngine(tiny)
    stepped.submit("live", None)
    await stepped.run(6)
    waiting = stepped.submit("waiting", 1)
    await stepped.run(1)
    assert stepped.engine.parked_count == 0
    place = stepped.engine.place_of(waiting)
    assert place is not None
    assert (place.place, place.wait_s) == (1, None)


async def test_no_more_takes_are_parked_than_the_setting_says(tiny: LoadedModel) -> None:
    stepped = SteppedEngine(tiny, parked_max=1)
    for name in ("one", "two", "three"):
        stepped.submit(name, 60)
    await stepped.run(40)
    assert stepped.engine.parked_count == 1
    assert stepped.engine.waiting_count == 1


async def test_the_place_and_the_estimate_are_what_happens(tiny: LoadedModel) -> None:
    """Each wait that was told at the beginning is within a third, or a second, of the real one."""
    stepped = SteppedEngine(tiny, slots=2)
    for name in ("one", "two"):
        stepped.submit(name, 8)
    await stepped.run(1)
    queued = [stepped.submit(f"queued-{number}", 2) for number in range(4)]
    places = [stepped.engine.place_of(one) for one in queued]
    assert [place.place for place in places if place] == [1, 2, 3, 4]
    told = [place.wait_s for place in places if place]
    began_s, begun_s = stepped.now_s, dict[str, float]()
    while len(begun_s) < len(queued) and stepped.now_s < 60:
        await stepped.run(0.02)
        for one in queued:
            if stepped.engine.place_of(one) is None:
                begun_s.setdefault(one.request_id, stepped.now_s - began_s)
    for one, wait_s in zip(queued, told, strict=True):
        assert wait_s is not None
        assert abs(wait_s - begun_s[one.request_id]) <= max(1.0, wait_s / 3), (one.request_id, told, begun_s)


async def test_a_stream_tells_its_place_while_it_waits(tiny: LoadedModel) -> None:
    engine = Engine(tiny, slot_count=1, queue_places=2, stall_s_max=5, parked_max=0)
    engine.start()
    try:
        stepped = SteppedEngine(tiny)
        blocking = stepped.request("blocking", None)
        engine.submit(blocking)
        await anext(blocking.stream)
        waiting = replace(stepped.request("waiting", 1), stream=engine.open_stream())
        async with aclosing(waiting.stream), aclosing(blocks_and_news(engine, waiting)) as news:
            engine.submit(waiting)
            first = await asyncio.wait_for(anext(news), 5)
            assert (first.place, first.HasField("wait_s")) == (1, False)  # type: ignore[union-attr]
            blocking.stream.close()
            block = await asyncio.wait_for(anext(news), 5)
            assert block.sample_count > 0  # type: ignore[union-attr]
    finally:
        await asyncio.to_thread(engine.stop)
