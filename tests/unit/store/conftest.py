"""Fixtures: memory, file and real S3 stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.s3 import open_s3

from resonance.store import MemoryStore, ObjectStore
from resonance.store.files import FileStore


@pytest.fixture(params=["memory", "files", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """An empty store of each kind."""
    opened = _opened(request, tmp_path)
    await _empty(opened)  # other tests of this process leave objects in its one bucket
    yield opened
    await _empty(opened)
    await opened.close()


async def _empty(opened: ObjectStore) -> None:
    for key in [key async for key in opened.keys("")]:
        await opened.delete(key)


def _opened(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "files":
        return FileStore(tmp_path / "store")
    return open_s3(request.getfixturevalue("s3_settings"))
