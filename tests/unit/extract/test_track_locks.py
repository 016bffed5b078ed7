"""Track locks: exclusion, no deadlock, release with their owner."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from unittest.mock import AsyncMock

import pytest
from support.stores import each_store

from resonance.errors import Unavailable
from resonance.store import MemoryStore, ObjectStore
from resonance_extract.activations.track_locks import TrackLocks

store = each_store
SCOPE = "d" * 64


async def test_one_call_waits_for_the_other_in_one_process_and_between_two(store: ObjectStore) -> None:
    here, there = TrackLocks(store, scope=SCOPE), TrackLocks(store, scope=SCOPE)
    async with here.open() as first:
        assert await first.take({"a", "b"})
        for locks in (here, there):
            async with locks.open() as second:
                assert not await second.take({"b", "c"})
                assert await second.take({"c"})
    async with there.open() as third:
        assert await third.take({"a", "b", "c"})


async def test_a_lock_without_tracks_writes_nothing() -> None:
    store = MemoryStore()
    async with TrackLocks(store, scope=SCOPE).open() as lock:
        assert await lock.take(set())
        assert not [key async for key in store.keys("track-locks/")]


async def test_other_models_read_for_themselves(store: ObjectStore) -> None:
    async with AsyncExitStack() as stack:
        for scope in ("a" * 64, "b" * 64):
            lock = await stack.enter_async_context(TrackLocks(store, scope=scope).open())
            assert await lock.take({"a"})


async def test_a_dead_processs_lock_runs_out(store: ObjectStore) -> None:
    now_s = 0.0
    dead = TrackLocks(store, scope=SCOPE, lease_s=1e6).open()
    assert await (await dead.__aenter__()).take({"a"})  # and never ends: its process was killed
    living = TrackLocks(store, scope=SCOPE, lease_s=10.0, clock=lambda: now_s)
    async with living.open() as lock:
        assert not await lock.take({"a"})
        now_s = 9.0
        assert not await lock.take({"a"})
        now_s = 11.0
        assert await lock.take({"a"})


async def test_a_lock_that_could_not_be_removed_does_not_block_its_own_call(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    here, there = TrackLocks(store, scope=SCOPE), TrackLocks(store, scope=SCOPE)
    async with here.open() as first, there.open() as second:
        assert await first.take({"a"})
        with monkeypatch.context() as patch:
            patch.setattr(store, "delete", AsyncMock(side_effect=Unavailable("the store is away")))
            assert not await second.take({"a"})
        assert await second.take({"b"})


async def test_a_living_lock_does_not_run_out() -> None:
    store = MemoryStore()
    here, there = (TrackLocks(store, scope=SCOPE, lease_s=0.2) for _ in range(2))
    async with here.open() as first, there.open() as second:
        assert await first.take({"a"})
        for _ in range(10):
            assert not await second.take({"a"})
            await asyncio.sleep(0.06)


async def test_many_processes_take_turns_and_all_come_through(store: ObjectStore) -> None:
    """Six processes want overlapping tracks at once. No two hold one track, and all get theirs."""
    busy: set[str] = set()
    done: list[int] = []

    async def work(number: int) -> None:
        chance = random.Random(number)
        async with TrackLocks(store, scope=SCOPE).open() as lock:
            tracks = set(chance.sample("abcd", 2))
            while not await lock.take(tracks):
                await asyncio.sleep(chance.uniform(0.005, 0.03))
            assert not tracks & busy
            busy.update(tracks)
            await asyncio.sleep(0.02)
            busy.difference_update(tracks)
            done.append(number)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(number) for number in range(6)))
    assert sorted(done) == list(range(6))
