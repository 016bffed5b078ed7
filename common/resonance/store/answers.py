"""Answers of a store: whether its latest requests were answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A request that waits for longer, with no other one answered meanwhile, is said to get no answer.
WAITING_S_MAX = 5.0


class Answers:
    """Requests that wait, and the end of the last one. Nothing is asked of the store for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[object, float] = {}
        self._answered_s = clock()
        self._has_failed = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A request from its beginning to its answer."""
        request = object()
        self._waiting[request] = self._clock()
        try:
            yield
        finally:
            del self._waiting[request]

    def answered(self) -> None:
        """The store has answered, if only that there is no such object."""
        self._answered_s, self._has_failed = self._clock(), False

    def failed(self) -> None:
        """The store could not be reached, or the caller gave up."""
        self._has_failed = True

    @property
    def are_missing(self) -> bool:
        """True where the last request failed, or one waits for WAITING_S_MAX and none was answered in that time."""
        if self._has_failed:
            return True
        first = min(self._waiting.values(), default=None)
        return first is not None and self._clock() - max(first, self._answered_s) > WAITING_S_MAX
