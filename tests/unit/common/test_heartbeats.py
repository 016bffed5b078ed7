"""Heartbeats: no lost value, no task left behind."""

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


async def test_a_quick_stream_has_no_heartbeats() -> None:
    assert [number async for number in with_heartbeats(numbers(5, 0), 5)] == [0, 1, 2, 3, 4]


async def test_a_slow_stream_has_heartbeats_and_loses_no_value() -> None:
    values = [number async for number in with_heartbeats(numbers(3, 0.1), 0.02)]
    assert [number for number in values if number is not None] == [0, 1, 2]
    assert values.count(None) >= 3


async def test_an_error_of_the_stream_is_raised() -> None:
    with pytest.raises(ValueError, match="broken"):
        async for _ in with_heartbeats(numbers(1, 0, ValueError("broken")), 5):
            pass


async def test_closing_the_stream_stops_the_wait() -> None:
    async with aclosing(numbers(3, 60)) as values, aclosing(with_heartbeats(values, 0.01)) as heartbeats:
        assert await anext(heartbeats) is None
