"""Reference: an object removed below a running service is restored."""

from __future__ import annotations

from support.extracting import Bench


async def test_a_reference_that_was_removed_below_a_running_service_is_stored_again(bench: Bench) -> None:
    before = await bench.references.describe()
    await bench.store.delete(before.object_key)
    assert (await bench.references.describe()).object_key == before.object_key
    assert await bench.store.exists(before.object_key)
