"""Retries with exponential backoff, bounded in time and tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Retries:
    """Pauses between the tries of one piece of work, each twice as long as the one before.

    No pause outlasts `patience_s` seconds since the start, `extend` or `reset`. The clock is the event loop's; tests pass
    their own clock and sleep.
    """

    def __init__(
        self,
        *,
        first_s: float,
        longest_s: float,
        patience_s: float,
        tries_max: int | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._patience_s = patience_s
        self._tries_max = tries_max
        self._clock = clock or asyncio.get_running_loop().time
        self._sleep = sleep
        self._tries = 1
        self.next_s = first_s
        self.extend()

    def extend(self) -> None:
        """Begins the patience anew: the other service is there, and only busy."""
        self._until_s = self._clock() + self._patience_s

    def reset(self) -> None:
        """Begins patience, pauses and tries anew: some of the work succeeded."""
        self._tries, self.next_s = 1, self._first_s
        self.extend()

    async def pause(self, failure: Exception) -> None:
        """Sleeps before the next try. Raises the failure where no try is left or the pause would outlast the patience."""
        if self._tries == self._tries_max or self._clock() + self.next_s > self._until_s:
            raise failure
        pause_s = self.next_s
        self._tries, self.next_s = self._tries + 1, min(2 * pause_s, self._longest_s)
        await self._sleep(pause_s)
