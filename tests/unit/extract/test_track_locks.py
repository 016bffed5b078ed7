"""Track locks: exclusion in a process and between two, release with their owner."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.polling import eventually

from resonance.durable import Engine, Work
from resonance.errors import Unavailable
from resonance.ids import new_request_id
from resonance.settings import Settings
from resonance_extract.activations.track_locks import TrackLock, TrackLocks
from resonance_extract.activations.track_workflow import worker_plans


@dataclass
class Replicas:
    """Processes with one model on one engine."""

    url: str
    scope: str = field(default_factory=new_request_id)
    engines: list[Engine] = field(default_factory=list)

    async def open(self, scope: str = "") -> TrackLocks:
        engine = Engine(Settings(engine=self.url))
        self.engines.append(engine)
        locks = TrackLocks(engine, scope=scope or self.scope)
        engine.serve(lambda: worker_plans(locks), _nothing)
        await engine.start()
        return locks


async def _nothing() -> None:
    """There is no open work."""


@pytest.fixture
async def replicas(engine_url: str) -> AsyncIterator[Replicas]:  # noqa: F811
    opened = Replicas(engine_url)
    yield opened
    for engine in opened.engines:
        await engine.close()


async def taken(lock: TrackLock, tracks: set[str]) -> None:
    """Waits until the lock has the tracks."""
    await eventually(lambda: lock.take(tracks))


async def test_one_call_waits_for_the_other_in_one_process_and_between_two(replicas: Replicas) -> None:
    here, there = await replicas.open(), await replicas.open()
    async with here.open() as first:
        assert await first.take({"a", "b"})
        for locks in (here, there):
            async with locks.open() as second:
                assert not await second.take({"b", "c"})
                await taken(second, {"c"})
    async with there.open() as third:
        await taken(third, {"a", "b", "c"})


async def test_a_lock_of_a_process_without_a_started_engine_holds_in_that_process() -> None:
    engine = Engine(Settings())
    locks = TrackLocks(engine, scope="a")
    async with locks.open() as first, locks.open() as second:
        assert await first.take({"a"})
        assert not await second.take({"a"})
        assert await second.take(set())
    assert not engine.is_started


async def test_other_models_read_for_themselves(replicas: Replicas) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(2):
            locks = await replicas.open(new_request_id())
            assert await (await stack.enter_async_context(locks.open())).take({"a"})


async def test_a_dead_processs_lock_runs_out_and_a_living_one_does_not(replicas: Replicas) -> None:
    dying, living = await replicas.open(), await replicas.open()
    async with living.open() as lock, dying.open() as dead:
        assert await dead.take({"a"})
        for _ in range(8):  # longer than an activity may be silent
            assert not await lock.take({"a"})
            await asyncio.sleep(0.5)
        await replicas.engines[0].close()
        async with asyncio.timeout(15):
            while not await lock.take({"a"}):
                await asyncio.sleep(0.1)


async def test_an_engine_that_is_away_keeps_no_one_from_reading(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = await replicas.open()

    async def away(*_: object) -> bool:
        raise Unavailable("the engine is away")

    monkeypatch.setattr(replicas.engines[0], "begin", away)
    async with locks.open() as lock:
        assert await lock.take({"a"})


async def test_the_activity_of_a_released_lock_that_begins_during_a_refused_take_ends(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = await replicas.open()
    late: list[asyncio.Task[None]] = []

    async def refuse(work: Work) -> bool:
        late.append(asyncio.create_task(locks.hold(work.work_id)))
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(replicas.engines[0], "begin", refuse)
    async with locks.open() as lock:
        assert not await lock.take({"a"})
    await asyncio.wait_for(late[0], 10)


async def test_many_processes_take_turns_and_all_come_through(replicas: Replicas) -> None:
    """Four processes want overlapping tracks at once. No two hold one track, and all get theirs."""
    busy: set[str] = set()
    done: list[int] = []

    async def work(number: int, locks: TrackLocks) -> None:
        chance = random.Random(number)
        async with locks.open() as lock:
            tracks = set(chance.sample("abcd", 2))
            while not await lock.take(tracks):
                await asyncio.sleep(chance.uniform(0.01, 0.1))
            assert not tracks & busy
            busy.update(tracks)
            await asyncio.sleep(0.02)
            busy.difference_update(tracks)
            done.append(number)

    opened = [await replicas.open() for _ in range(4)]
    async with asyncio.timeout(25):
        await asyncio.gather(*(work(number, locks) for number, locks in enumerate(opened)))
    assert sorted(done) == list(range(4))
