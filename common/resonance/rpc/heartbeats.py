"""Stream heartbeats: values, and None after a silent interval."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def with_heartbeats(values: AsyncIterator[T], heartbeat_s: float) -> AsyncGenerator[T | None, None]:
    """The values as they come, and None after every `heartbeat_s` seconds without one. The opener of `values` closes it."""
    waiting: asyncio.Future[T] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(values))
            done, _ = await asyncio.wait({waiting}, timeout=heartbeat_s)
            if not done:
                yield None
                continue
            try:
                value = waiting.result()
            except StopAsyncIteration:
                return
            waiting = None
            yield value
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
