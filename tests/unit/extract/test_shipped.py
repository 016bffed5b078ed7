"""What the model brings along: put where it is missing, renewed where nobody has changed it, and never in the way of what somebody did."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.stores import each_store

from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import taste_key
from resonance_extract.concepts.shipped import FOLDER, digests_so_far, put_shipped, write_superseded

store = each_store
DIGEST = "d" * 64
CONCEPT, TASTE, VECTOR = "concepts/dddd/energy.json", taste_key("t-example"), "vectors/v.safetensors"


def write(folder: Path, objects: dict[str, bytes]) -> Path:
    """The folder of a version, which knows what the one before it shipped."""
    so_far = digests_so_far(folder)
    folder.mkdir(exist_ok=True)
    (folder / "made_for.json").write_text(f'{{"model_digest": "{DIGEST}"}}')
    for key, data in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    write_superseded(so_far, folder)
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


async def test_a_newer_version_renews_what_nobody_has_changed(store: ObjectStore, folder: Path) -> None:
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    write(folder, {CONCEPT: b"energy, second", TASTE: b"example, second"})
    write(folder, {CONCEPT: b"energy, third"})
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 2
    assert (await store.get(CONCEPT)).data == b"energy, third"
    assert (await store.get(TASTE)).data == b"example, second"


async def test_what_somebody_calibrated_stays_as_it_is(store: ObjectStore, folder: Path) -> None:
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    await store.put(CONCEPT, b"energy, calibrated by its user")
    write(folder, {CONCEPT: b"energy, second"})
    assert await put_shipped(store, model_digest=DIGEST, folder=folder) == 0
    assert (await store.get(CONCEPT)).data == b"energy, calibrated by its user"


async def test_an_older_version_beside_a_newer_one_takes_nothing_back(
    store: ObjectStore, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = write(tmp_path_factory.mktemp("old"), FIRST)
    write(folder, {CONCEPT: b"energy, second"})
    for one in (old, folder, old):
        await put_shipped(store, model_digest=DIGEST, folder=one)
    assert (await store.get(CONCEPT)).data == b"energy, second"


async def test_a_version_that_goes_back_to_what_was_shipped_once_is_followed(store: ObjectStore, folder: Path) -> None:
    write(folder, {CONCEPT: b"energy, second"})
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    write(folder, {CONCEPT: FIRST[CONCEPT]})
    await put_shipped(store, model_digest=DIGEST, folder=folder)
    assert (await store.get(CONCEPT)).data == FIRST[CONCEPT]


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


async def test_processes_that_start_at_once_put_and_renew_each_object_once(store: ObjectStore, folder: Path) -> None:
    async def start_five() -> int:
        return sum(await asyncio.gather(*(put_shipped(store, model_digest=DIGEST, folder=folder) for _ in range(5))))

    assert await start_five() == 3
    write(folder, {CONCEPT: b"energy, second"})
    assert await start_five() == 1


def test_the_shipped_folder_supersedes_what_it_does_not_ship() -> None:
    so_far = digests_so_far()
    now = {path.relative_to(FOLDER).as_posix(): sha256_hex(path.read_bytes()) for path in FOLDER.rglob("*.json")}
    for key, digests in so_far.items():
        assert len(set(digests)) == len(digests)
        assert key not in now or digests[-1] == now[key], "write_superseded was not called when the folder was written"
    assert any(len(digests) > 1 for key, digests in so_far.items() if key.startswith("concepts/"))
