"""A stream that is never quiet for long loses nothing and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from resonance.rpc.heartbeats import with_heartbeats


async def numbers(count: int, wait_s: float, fault: Exception | None = None) -> AsyncGenerator[int, None]:
    for number in range(count):
        await asyncio.sleep(wait_s)
        yield number
    if fault is not None:
        raise fault


async def test_a_quick_stream_passes_as_it_is() -> None:
    assert [number async for number in with_heartbeats(numbers(5, 0), 5)] == [0, 1, 2, 3, 4]


async def test_a_quiet_stream_beats_and_loses_nothing() -> None:
    heard = [number async for number in with_heartbeats(numbers(3, 0.1), 0.02)]
    assert [number for number in heard if number is not None] == [0, 1, 2]
    assert heard.count(None) >= 3


async def test_a_fault_comes_through() -> None:
    with pytest.raises(ValueError, match="broken"):
        async for _ in with_heartbeats(numbers(1, 0, ValueError("broken")), 5):
            pass


async def test_whoever_leaves_stops_the_wait() -> None:
    async with aclosing(numbers(3, 60)) as values, aclosing(with_heartbeats(values, 0.01)) as beats:
        assert await anext(beats) is None
