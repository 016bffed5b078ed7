"""Backoff: a calibration job waits while `generate` is full or away, for a bounded time in which nothing gets done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from resonance.errors import Overloaded, Unavailable

# Longer than a row of the longest takes before us; a service that is away for so long will not come back by itself.
PATIENCE_S = 900.0
_AWAY_S_FIRST, _AWAY_S_MAX, _FULL_S_MAX = 1.0, 8.0, 60.0


class Backoff:
    """One calibration job's, whatever number of renderings wait at once."""

    def __init__(self, patience_s: float, *, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._patience_s = patience_s
        self._clock = clock
        self.progressed()

    def progressed(self) -> None:
        """Something got done: patience begins anew."""
        self._until_s = self._clock() + self._patience_s
        self._away_s = _AWAY_S_FIRST

    def pause_s(self, failure: Overloaded | Unavailable) -> float:
        """How long to wait: as the refusal says while all is full, twice as long every time, up to eight seconds, while nobody is there.
        Raises the refusal when patience is out."""
        left_s = self._until_s - self._clock()
        if left_s <= 0:
            raise failure
        if isinstance(failure, Overloaded):
            hint_s = _AWAY_S_FIRST if failure.retry_after_s is None else failure.retry_after_s
            return min(max(0.1, hint_s), _FULL_S_MAX, left_s)
        pause_s = max(self._away_s, failure.retry_after_s or 0.0)
        self._away_s = min(2 * self._away_s, _AWAY_S_MAX)
        return min(pause_s, _FULL_S_MAX, left_s)


def start_backoff(patience_s: float) -> Backoff:
    """Backoff by the running loop's clock."""
    return Backoff(patience_s, clock=asyncio.get_running_loop().time)
