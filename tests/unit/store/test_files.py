"""File store: exclusion between processes, no remains after crashes."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resonance.errors import Unavailable
from resonance.store import files
from resonance.store.files import FileStore

_RACE = """
import asyncio, sys
from pathlib import Path
from resonance.errors import Conflict
from resonance.store.files import FileStore

async def main():
    store, wins = FileStore(Path(sys.argv[1])), 0
    for number in range(50):
        try:
            await store.create(f"k/{number}", sys.argv[2].encode())
            wins += 1
        except Conflict:
            pass
    for _ in range(50):
        while True:
            found = await store.get("count")
            try:
                await store.replace("count", b"%d" % (int(found.data) + 1), version=found.version)
                break
            except Conflict:
                pass
    print(wins)

asyncio.run(main())
"""


def test_processes_exclude_each_other(tmp_path: Path) -> None:
    asyncio.run(FileStore(tmp_path).put("count", b"0"))
    racers = [
        subprocess.Popen([sys.executable, "-c", _RACE, str(tmp_path), str(n)], stdout=subprocess.PIPE) for n in range(3)
    ]
    wins = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(wins) == 50
    assert asyncio.run(FileStore(tmp_path).get("count")).data == b"150"


def test_opening_removes_old_temporary_files_and_spares_young_ones(tmp_path: Path) -> None:
    FileStore(tmp_path)
    old, young = tmp_path / "temporary" / "old", tmp_path / "temporary" / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    FileStore(tmp_path)
    assert not old.exists()
    assert young.exists()


async def test_a_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    await store.put("k", b"data")
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_a_deleted_object_leaves_no_empty_folders(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    for key in ("uploads/one/00/part", "uploads/two/00/part"):
        await store.put(key, b"x")
    await store.delete("uploads/one/00/part")
    assert [path.name for path in (tmp_path / "objects/uploads").iterdir()] == ["two"]
    await store.delete("uploads/two/00/part")
    assert list((tmp_path / "objects").iterdir()) == []


async def test_writing_beside_deleting_loses_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path)

    async def come_and_go(number: int) -> None:
        for _ in range(30):
            await store.put(f"shared/folder/{number}", b"x")
            await store.delete(f"shared/folder/{number}")
        await store.put(f"shared/folder/{number}", b"kept")

    await asyncio.gather(*(come_and_go(number) for number in range(6)))
    assert [key async for key in store.keys("shared/")] == [f"shared/folder/{number}" for number in range(6)]


async def test_a_stopped_process_that_holds_a_lock_takes_no_thread_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LOCK_WAIT_S_MAX", 0.2)
    store = FileStore(tmp_path)
    await store.put("a", b"old")
    number = hashlib.sha256(b"a").digest()[0] % 64
    with (tmp_path / "locks" / f"{number:02d}").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="stopped") as refused:
            await asyncio.wait_for(store.put("a", b"new"), 2)
        assert refused.value.reason == "STORE_LOCKED"
        assert (await store.get("a")).data == b"old", "readers take no lock"
    await store.put("a", b"new")
    assert (await store.get("a")).data == b"new"
    assert not list((tmp_path / "temporary").iterdir())
