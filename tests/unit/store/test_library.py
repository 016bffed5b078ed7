"""Take library: a damaged description hides no other takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from resonance.store.files import FileStore
from resonance.store.keys import take_index_key
from resonance.v1 import generate_pb2
from resonance_generate.takes.library import TakeLibrary

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


async def test_a_take_that_two_calls_finished_is_listed_once(tmp_path: Path) -> None:
    """The same request in two tabs: both receive all of it, and both save it."""
    library = TakeLibrary(FileStore(tmp_path))
    for name in ("one", "two", "one"):
        take = generate_pb2.Take(request_id=name)
        take.format.sample_rate_hz, take.format.channel_count = 16_000, 1
        await library.save(take, [bytes(200)], CODES)
        await asyncio.sleep(0.01)
    takes, _ = await library.page(5, "")
    assert [take.request_id for take in takes] == ["two", "one"]
    await library.delete("one")
    assert [take.request_id for take in (await library.page(5, ""))[0]] == ["two"]
    await library.close()


async def test_an_entry_of_the_list_that_its_take_does_not_know_is_passed_over(tmp_path: Path) -> None:
    """Two calls that end at the same moment leave two entries, and the take names one of them."""
    store = FileStore(tmp_path)
    library = TakeLibrary(store)
    take = generate_pb2.Take(request_id="one")
    take.format.sample_rate_hz, take.format.channel_count = 16_000, 1
    await library.save(take, [bytes(200)], CODES)
    await store.put(take_index_key(take.create_time.ToMilliseconds() - 700, "one"), b"")
    assert [take.request_id for take in (await library.page(5, ""))[0]] == ["one"]
    await library.close()
