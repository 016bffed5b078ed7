"""Polling of a condition until a deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

DEADLINE_S = 60.0  # conditions are polled, so that a machine in time waits no longer


async def eventually(condition: Callable[[], Any | Awaitable[Any]], *, deadline_s: float = DEADLINE_S) -> Any:
    """The condition's first true value. Raises TimeoutError, naming its code, where none comes in time."""
    until_s = asyncio.get_running_loop().time() + deadline_s
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if asyncio.get_running_loop().time() > until_s:
            raise TimeoutError(f"not within {deadline_s} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.02)
