"""Full disk: refused writes, intact objects, no partial files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resonance.errors import Unavailable
from resonance.settings import Settings
from resonance.store.files import FileStore
from resonance_ingest.sources.incoming_files import IncomingFiles
from resonance_ingest.sources.upload_sessions import UploadSessions

MB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Eight megabytes of tmpfs."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def files_in(folder: Path, part: str) -> list[Path]:
    return [path for path in (folder / part).rglob("*") if path.is_file()]


async def test_a_full_store_refuses_writes_and_keeps_its_objects(small_disk: Path) -> None:
    store = FileStore(small_disk)
    await store.put("takes/a", b"a" * MB)
    with pytest.raises(Unavailable) as full:
        await store.put("takes/b", b"b" * 9 * MB)
    assert full.value.reason == "STORE_FULL"
    with pytest.raises(Unavailable):
        await store.put("takes/a", b"c" * 9 * MB)
    assert (await store.get("takes/a")).data == b"a" * MB
    assert files_in(small_disk, "temporary") == []
    assert not await store.exists("takes/b")
    await store.put("takes/b", b"b" * MB)


async def test_an_upload_that_fills_the_disk_is_refused_and_leaves_nothing(small_disk: Path) -> None:
    async def upload() -> None:
        async with IncomingFiles(FileStore(small_disk), Settings(), "t-1") as files:
            await files.open("song.wav")
            for _ in range(16):
                await files.write(b"x" * MB)

    with pytest.raises(Unavailable) as full:
        await upload()
    assert full.value.reason == "STORE_FULL"
    assert files_in(small_disk, "objects") == []


async def test_a_resumable_upload_waits_for_room(small_disk: Path) -> None:
    store = FileStore(small_disk)
    uploads = UploadSessions(store, Settings())

    async def megabytes(count: int):  # type: ignore[no-untyped-def]
        for _ in range(count):
            yield b"x" * MB

    await store.put("takes/in-the-way", b"a" * 5 * MB)
    session = await uploads.open("song.wav", 5 * MB)
    with pytest.raises(Unavailable):
        await uploads.write(session.upload_id, 0, megabytes(5))
    stands = (await uploads.get(session.upload_id)).offset
    await store.delete("takes/in-the-way")
    whole = await uploads.write(session.upload_id, stands, megabytes(5 - stands // MB))
    assert whole.offset == 5 * MB
    assert whole.sha256
