"""Store check: every object read, exactly damaged ones named."""

from __future__ import annotations

from pathlib import Path

from resonance.store.check import check_store
from resonance.store.files import FileStore


async def test_damaged_objects_are_named_and_no_others(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    for key in ("jobs/t-1", "tracks/a", "tracks/b"):
        await store.put(key, b"data of " + key.encode())
    path = tmp_path / "objects" / "tracks" / "b,1"
    path.write_bytes(b"D" + path.read_bytes()[1:])
    found = [checked async for checked in check_store(store)]
    assert [checked.key for checked in found] == ["jobs/t-1", "tracks/a", "tracks/b"]
    assert [checked.key for checked in found if checked.damage] == ["tracks/b"]


async def test_a_part_of_the_store_can_be_checked(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    await store.put("jobs/t-1", b"")
    await store.put("tracks/a", b"")
    assert [checked.key async for checked in check_store(store, "tracks/")] == ["tracks/a"]
