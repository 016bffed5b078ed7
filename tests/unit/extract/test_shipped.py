"""Shipped objects: installed where missing, never over user changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.stores import each_store

from resonance.store import ObjectStore
from resonance.store.keys import taste_key
from resonance_extract.concepts.shipped import put_shipped

store = each_store
DIGEST = "d" * 64
CONCEPT, TASTE, VECTOR = "concepts/dddd/energy.json", taste_key("t-example"), "vectors/v.safetensors"


def write(folder: Path, objects: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "made_for.json").write_text(f'{{"model_digest": "{DIGEST}"}}')
    for key, data in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder


FIRST = {CONCEPT: b"energy, first", TASTE: b"example, first", VECTOR: b"a vector"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "shipped", FIRST)


async def test_an_empty_store_gets_everything_and_a_full_one_nothing(store: ObjectStore, folder: Path) -> None:
    assert await put_shipped(store, model_digest="e" * 64, folder=folder) == 0, "it belongs to another model"
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 3
    assert {key: (await store.get(key)).data for key in FIRST} == FIRST
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 0


async def test_a_concept_that_a_user_calibrated_stays_as_it_is(store: ObjectStore, folder: Path) -> None:
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    await store.put(CONCEPT, b"energy, calibrated by its user")
    write(folder, {CONCEPT: b"energy, second"})
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 0
    assert (await store.get(CONCEPT)).data == b"energy, calibrated by its user"


async def test_an_example_that_was_deleted_stays_deleted_and_a_concept_comes_back(
    store: ObjectStore, folder: Path
) -> None:
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    for key in (TASTE, CONCEPT):
        await store.delete(key)
    write(folder, {TASTE: b"example, second", taste_key("t-new"): b"a new example"})
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 2
    found = [await store.exists(key) for key in (TASTE, CONCEPT, taste_key("t-new"))]
    assert found == [False, True, True]


async def test_processes_that_start_at_once_put_each_object_once(store: ObjectStore, folder: Path) -> None:
    async def start_five() -> int:
        return sum(await asyncio.gather(*(put_shipped(store, model_digest=DIGEST, folder=folder) for _ in range(5))))

    assert await start_five() == 3
