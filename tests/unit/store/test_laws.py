"""Object store laws: read-back, single writer, confined keys."""

from __future__ import annotations

import asyncio

import pytest

from resonance.errors import Conflict, InvalidInput, NotFound
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.checksummed import FOOTER_BYTES


async def test_an_object_is_read_back_with_its_digest(store: ObjectStore) -> None:
    for data in (b"", b"x", bytes(range(256)) * 5000):
        digest = await store.put("a/b.bin", data)
        found = await store.get("a/b.bin")
        assert (found.data, found.sha256) == (data, sha256_hex(data))
        assert digest == found.sha256


async def test_a_key_may_be_the_folder_of_another_key(store: ObjectStore) -> None:
    await store.put("jobs/a", b"1")
    await store.put("jobs/a/b", b"2")
    assert (await store.get("jobs/a")).data == b"1"
    assert (await store.get("jobs/a/b")).data == b"2"
    assert [key async for key in store.keys("jobs/")] == ["jobs/a", "jobs/a/b"]


async def test_create_refuses_a_key_that_exists_and_leaves_it(store: ObjectStore) -> None:
    await store.create("k", b"first")
    with pytest.raises(Conflict):
        await store.create("k", b"second")
    assert (await store.get("k")).data == b"first"


async def test_of_eight_racing_creators_one_wins(store: ObjectStore) -> None:
    outcomes = await asyncio.gather(*(store.create("k", b"%d" % n) for n in range(8)), return_exceptions=True)
    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, str)]
    assert len(winners) == 1
    assert all(isinstance(outcome, str | Conflict) for outcome in outcomes)
    assert (await store.get("k")).data == b"%d" % winners[0]


async def test_of_eight_racing_replacers_one_wins(store: ObjectStore) -> None:
    await store.put("k", b"start")
    version = (await store.get("k")).version
    outcomes = await asyncio.gather(
        *(store.replace("k", b"%d" % n, version=version) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert all(isinstance(outcome, str | Conflict) for outcome in outcomes)


async def test_replace_returns_the_version_that_the_next_replace_needs(store: ObjectStore) -> None:
    await store.put("k", b"0")
    version = (await store.get("k")).version
    for n in range(1, 4):
        version = await store.replace("k", b"%d" % n, version=version)
        assert version == (await store.get("k")).version


async def test_incrementing_writers_lose_no_step(store: ObjectStore) -> None:
    await store.put("k", b"0")

    async def increment() -> None:
        while True:
            found = await store.get("k")
            try:
                await store.replace("k", b"%d" % (int(found.data) + 1), version=found.version)
                return
            except Conflict:
                await asyncio.sleep(0.001)

    await asyncio.gather(*(increment() for _ in range(5)))
    assert (await store.get("k")).data == b"5"


async def test_a_missing_object_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        await store.get("nothing")
    with pytest.raises(NotFound):
        await store.replace("nothing", b"x", version="0" * 32)
    assert not await store.exists("nothing")
    await store.delete("nothing")


async def test_a_deleted_object_is_gone_and_may_be_created_again(store: ObjectStore) -> None:
    await store.create("k", b"1")
    assert await store.exists("k")
    await store.delete("k")
    assert not await store.exists("k")
    await store.create("k", b"2")


async def test_keys_come_in_order_and_only_below_the_prefix(store: ObjectStore) -> None:
    for key in ("b/2", "a/1", "b/10", "b-c/1", "b/1/x", "bc"):
        await store.put(key, b"")
    assert [key async for key in store.keys("b/")] == ["b/1/x", "b/10", "b/2"]
    assert [key async for key in store.keys("b/1")] == ["b/1/x", "b/10"]
    assert [key async for key in store.keys("")] == ["a/1", "b-c/1", "b/1/x", "b/10", "b/2", "bc"]
    assert [key async for key in store.keys("none/")] == []


async def test_the_bytes_below_a_prefix_are_those_of_its_objects_alone(store: ObjectStore) -> None:
    await store.put("users/a/takes/x", b"a" * 1000)
    await store.put("users/a/takes/y", b"a" * 500)
    await store.put("users/ab/takes/x", b"a" * 9000)
    assert 1500 <= await store.total_bytes("users/a/") <= 1500 + 2 * FOOTER_BYTES
    assert await store.total_bytes("users/none/") == 0
    await store.delete("users/a/takes/x")
    assert 500 <= await store.total_bytes("users/a/") <= 500 + FOOTER_BYTES


@pytest.mark.parametrize(
    "key", ["", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a b", "a\n", "ä", "a" * 201, "a/" * 8 + "a"]
)
async def test_a_malformed_key_is_refused_by_every_call(store: ObjectStore, key: str) -> None:
    for call in (
        store.put(key, b""),
        store.create(key, b""),
        store.replace(key, b"", version="v"),
        store.get(key),
        store.exists(key),
        store.delete(key),
    ):
        with pytest.raises(InvalidInput):
            await call


async def test_a_prefix_lists_no_key_outside(store: ObjectStore) -> None:
    await store.put("a", b"")
    for prefix in ("../", "/", "a/../", "x/../../"):
        assert [key async for key in store.keys(prefix)] == []
