"""Object stores for contract tests: files, real S3 server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resonance.store import ObjectStore
from resonance.store.files import FileStore
from support.s3 import open_s3


@pytest.fixture(params=["files", "s3"])
async def each_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """Each store in turn, emptied after the test."""
    if request.param == "files":
        yield FileStore(tmp_path / "store")
        return
    store = open_s3(request.getfixturevalue("s3_settings"))
    yield store
    for key in [key async for key in store.keys("")]:
        await store.delete(key)
    await store.close()
