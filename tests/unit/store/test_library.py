"""The library of takes: one damaged description does not take the others with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonance.store.files import FileStore
from resonance.v1 import generate_pb2
from resonance_generate.takes import TakeLibrary

CODES = np.zeros((4, 1), np.int64)


async def test_the_library_goes_on_without_a_damaged_take(tmp_path: Path) -> None:
    library = TakeLibrary(FileStore(tmp_path))
    for name in ("one", "two", "three"):
        take = generate_pb2.Take(request_id=name)
        take.format.sample_rate_hz, take.format.channel_count = 16_000, 1
        await library.save(take, [bytes(200)], CODES)
    (described,) = [path for path in tmp_path.rglob("*two*.json*") if "takes" in path.parts and path.is_file()]
    data = bytearray(described.read_bytes())
    data[len(data) // 2] ^= 1
    described.write_bytes(data)
    takes, token = await library.page(2, "")
    rest = (await library.page(2, token))[0] if token else []
    assert {take.request_id for take in [*takes, *rest]} == {"one", "three"}
    await library.close()
