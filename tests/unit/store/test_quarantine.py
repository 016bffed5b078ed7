"""Quarantine: second read, and isolation of recomputable objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.stores import each_store

from resonance.errors import DataLoss, NotFound
from resonance.store import MemoryStore, ObjectStore, StoredObject
from resonance.store.check import check_store
from resonance.store.quarantine import Quarantine

inner = each_store


def damage(tmp_path: Path, key: str) -> None:
    path = tmp_path / "store" / "objects" / f"{key},1"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


@pytest.fixture
def store(inner: ObjectStore) -> Quarantine:
    return Quarantine(inner)


async def test_an_object_is_set_aside_as_it_lies_there(store: Quarantine) -> None:
    await store.put("tracks/a", b"music")
    await store.set_aside("tracks/a", "quarantine/tracks/a")
    await store.set_aside("tracks/a", "quarantine/tracks/a")
    with pytest.raises(NotFound):
        await store.get("tracks/a")
    assert (await store.get("quarantine/tracks/a")).data == b"music"
    assert [key async for key in store.keys("")] == []
    assert [key async for key in store.keys("quarantine/")] == ["quarantine/tracks/a"]
    assert [one async for one in check_store(store)] == []


@pytest.mark.parametrize("inner", ["files"], indirect=True)
async def test_only_objects_that_can_be_computed_again_are_set_aside(store: Quarantine, tmp_path: Path) -> None:
    for key in ("tracks/a", "calibrations/a", "jobs/a"):
        await store.put(key, b"music")
        damage(tmp_path, key)
        with pytest.raises(DataLoss):
            await store.get(key)
    assert [await store.exists(key) for key in ("tracks/a", "calibrations/a", "jobs/a")] == [False, False, True]
    assert await store.exists("quarantine/tracks/a")
    await store.put("tracks/a", b"again")
    assert (await store.get("tracks/a")).data == b"again"


class DamagedOnce(MemoryStore):
    """A store whose first read is damaged on the network."""

    lies = 1

    async def get(self, key: str) -> StoredObject:
        if self.lies:
            self.lies -= 1
            raise DataLoss("damaged on the way", reason="OBJECT_DAMAGED")
        return await super().get(key)


async def test_a_read_that_is_damaged_once_is_repeated() -> None:
    store = Quarantine(DamagedOnce())
    await store.put("tracks/a", b"music")
    assert (await store.get("tracks/a")).data == b"music"
    assert await store.exists("tracks/a")
