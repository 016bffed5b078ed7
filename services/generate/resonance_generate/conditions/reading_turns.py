"""Turns of callers whose sound files are decoded: few at once, few that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resonance.errors import Overloaded

# Files that are decoded at once, and those that may wait for it.
AT_ONCE = 2
WAITING_MAX = 8


class ReadingTurns:
    """A semaphore with a bounded queue. `noun` names in the refusal what is read."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._count = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and holds it. Raises Overloaded where too many wait."""
        if self._count >= AT_ONCE + WAITING_MAX:
            message = f"too many {self._noun} are being read; try again in a moment"
            raise Overloaded(message, reason="QUEUE_FULL", retry_after_s=2.0)
        self._count += 1
        try:
            async with self._turn:
                yield
        finally:
            self._count -= 1
