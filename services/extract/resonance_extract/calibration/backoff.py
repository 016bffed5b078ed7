"""Backoff of calibration jobs while `generate` is full or away.

The wait without progress is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from resonance.errors import Overloaded, Unavailable

# Longer than a queue of the longest takes; a service that is away for so long does not come back by itself.
WAIT_S_MAX = 900.0
_AWAY_S_FIRST, _AWAY_S_MAX, _FULL_S_MAX = 1.0, 8.0, 60.0


class Backoff:
    """The backoff of one calibration job, shared by all of its renderings that wait."""

    def __init__(self, wait_s_max: float, *, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._wait_s_max = wait_s_max
        self._clock = clock
        self.progressed()

    def progressed(self) -> None:
        """Restarts the bounded time after a rendering was measured."""
        self._until_s = self._clock() + self._wait_s_max
        self._away_s = _AWAY_S_FIRST

    def pause_s(self, failure: Overloaded | Unavailable) -> float:
        """The pause before the next try. Overloaded says how long; for Unavailable it doubles each time, up to eight seconds.

        Raises the failure when the bounded time is over.
        """
        left_s = self._until_s - self._clock()
        if left_s <= 0:
            raise failure
        if isinstance(failure, Overloaded):
            hint_s = _AWAY_S_FIRST if failure.retry_after_s is None else failure.retry_after_s
            return min(max(0.1, hint_s), _FULL_S_MAX, left_s)
        pause_s = max(self._away_s, failure.retry_after_s or 0.0)
        self._away_s = min(2 * self._away_s, _AWAY_S_MAX)
        return min(pause_s, _FULL_S_MAX, left_s)


def start_backoff(wait_s_max: float) -> Backoff:
    """A backoff by the running loop's clock."""
    return Backoff(wait_s_max, clock=asyncio.get_running_loop().time)
