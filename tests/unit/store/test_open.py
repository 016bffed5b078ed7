"""Store opening: URL parsing, refusal without exclusive writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from resonance.errors import FailedPrecondition, InvalidInput, Unavailable
from resonance.settings import Settings
from resonance.store import MemoryStore, open_store
from resonance.store.probe import probe


@pytest.mark.parametrize("url", ["file:", "ftp://x", "s3://", "s3://host", "s3://host/a/b", "s3://key:secret@host/b"])
async def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="RESONANCE_STORE"):
        await open_store(Settings().model_copy(update={"store": url}))


async def test_the_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    store = await open_store(Settings(store=f"file:{tmp_path}"))
    assert [key async for key in store.keys("")] == []


async def test_a_store_that_ignores_conditions_is_refused() -> None:
    class Careless(MemoryStore):
        async def create(self, key: str, data: bytes) -> str:
            return await self.put(key, data)

    with pytest.raises(FailedPrecondition, match="8 of 8"):
        await probe(Careless(), "memory:")


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write to .* RESONANCE_STORE"):
        await open_store(Settings(store=f"file:{tmp_path / 'file' / 'store'}"))


async def test_an_s3_server_that_is_not_there_is_named() -> None:
    settings = Settings(store="s3+http://127.0.0.1:9/bucket", s3_access_key="a", s3_secret_key="b")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/bucket cannot be reached"):
        await open_store(settings)


async def test_a_missing_bucket_is_named(s3_server) -> None:  # type: ignore[no-untyped-def]
    settings = Settings(
        store=f"s3+http://{s3_server.endpoint}/nobody-made-me",
        s3_access_key="resonance",
        s3_secret_key="resonance-secret",
    )
    with pytest.raises(FailedPrecondition, match="create it first"):
        await open_store(settings)
