"""Store damage: flipped bits, torn files and foreign objects."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from resonance.errors import DataLoss
from resonance.store import open_store
from resonance.store.checksummed import FOOTER_BYTES, seal, unseal
from resonance.store.files import FileStore


def test_every_single_bit_flip_of_a_sealed_object_is_found() -> None:
    sealed = seal(b"music")
    for bit in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(DataLoss):
            unseal(bytes(damaged), "k")


def test_every_truncation_of_a_sealed_object_is_found() -> None:
    sealed = seal(b"music")
    for length in range(len(sealed)):
        with pytest.raises(DataLoss):
            unseal(sealed[:length], "k")


async def test_random_bit_flips_on_the_disk_are_found(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    data = random.Random(7).randbytes(4096)
    await store.put("a/b", data)
    (path,) = (tmp_path / "objects").rglob("b*")
    whole = path.read_bytes()
    assert len(whole) == len(data) + FOOTER_BYTES
    chooser = random.Random(11)
    for _ in range(200):
        bit = chooser.randrange(len(whole) * 8)
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        with pytest.raises(DataLoss, match="a/b is damaged"):
            await store.get("a/b")


async def test_an_object_that_another_program_wrote_to_s3_is_refused(s3_server, s3_settings) -> None:  # type: ignore[no-untyped-def]
    store = await open_store(s3_settings)
    bucket = s3_settings.store.rpartition("/")[2]
    s3_server.client().put_object(bucket, "foreign", io.BytesIO(b"x" * 100), 100)
    with pytest.raises(DataLoss):
        await store.get("foreign")
    await store.delete("foreign")
    await store.close()
