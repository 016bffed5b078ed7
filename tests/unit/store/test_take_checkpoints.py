"""Sweep of old take checkpoints on every kind of store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from resonance.api_keys import ApiKeys
from resonance.identity import acting_as
from resonance.settings import Settings, read_settings
from resonance.store import ObjectStore
from resonance.store.keys import checkpoint_key, request_key, take_key
from resonance.store.owned import OwnedStore
from resonance_generate.takes.checkpoint_sweeper import TakeCheckpointSweeper
from resonance_generate.takes.library import TakeLibrary

DAY_MS = 86_400_000
CODES = np.arange(8, dtype=np.int64).reshape(4, 2)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_ms = 100 * DAY_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def begun(store: ObjectStore, clock: Clock) -> Callable[[str], Awaitable[None]]:
    """A cut take: its id is bound, and its checkpoint written."""
    library = TakeLibrary(OwnedStore(store), clock_ms=clock)

    async def begin(request_id: str) -> None:
        await library.claim(request_id, "d")
        await library.write_checkpoint(request_id, "d", CODES)

    return begin


def open_sweeper(store: ObjectStore, clock: Clock) -> TakeCheckpointSweeper:
    return TakeCheckpointSweeper(OwnedStore(store), Settings(checkpoint_retention_s=7 * 86_400.0), clock_ms=clock)


async def left(store: ObjectStore, prefix: str = "") -> list[str]:
    return [key async for key in store.keys(prefix)]


async def test_a_checkpoint_goes_after_its_time_and_its_id_is_free_again(
    store: ObjectStore, clock: Clock, begun: Callable[[str], Awaitable[None]]
) -> None:
    await begun("cut")
    clock.now_ms += 7 * DAY_MS
    await open_sweeper(store, clock).sweep()
    assert len(await left(store)) == 2
    clock.now_ms += 1
    await open_sweeper(store, clock).sweep()
    assert await left(store) == []


async def test_a_take_in_the_making_keeps_its_checkpoint(
    store: ObjectStore, clock: Clock, begun: Callable[[str], Awaitable[None]]
) -> None:
    library = TakeLibrary(OwnedStore(store), clock_ms=clock)
    await begun("long")
    clock.now_ms += 6 * DAY_MS
    await library.write_checkpoint("long", "d", CODES)
    clock.now_ms += 6 * DAY_MS
    await open_sweeper(store, clock).sweep()
    read = await library.read_checkpoint("long", "d")
    assert read is not None
    assert np.array_equal(read, CODES)


async def test_a_finished_takes_checkpoint_goes_at_once_and_the_take_stays(
    store: ObjectStore, clock: Clock, begun: Callable[[str], Awaitable[None]]
) -> None:
    await begun("done")
    await store.put(take_key("done"), b"{}")
    await open_sweeper(store, clock).sweep()
    assert await left(store) == sorted([request_key("done"), take_key("done")])


async def test_a_checkpoint_that_is_damaged_goes(store: ObjectStore, clock: Clock) -> None:
    await store.put(checkpoint_key("broken"), b"no tokens")
    await open_sweeper(store, clock).sweep()
    assert await left(store) == []


async def test_every_owners_checkpoints_age(
    store: ObjectStore, clock: Clock, begun: Callable[[str], Awaitable[None]]
) -> None:
    _, key = await ApiKeys(OwnedStore(store)).issue("user", "")
    with acting_as(key.owner):
        await begun("theirs")
    await begun("ours")
    assert len(await left(store, "users/")) == 2
    clock.now_ms += 8 * DAY_MS
    await open_sweeper(store, clock).sweep()
    assert await left(store, "users/") == []
    assert await left(store, "checkpoints/") == []


def test_the_operator_says_how_long() -> None:
    assert read_settings({"RESONANCE_CHECKPOINT_RETENTION_S": "3600"}).checkpoint_retention_s == 3600
