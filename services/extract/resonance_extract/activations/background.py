"""Background work: marked tasks that wait while listeners or callers are served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOOK_EVERY_S = 0.1
_is_background: ContextVar[bool] = ContextVar("resonance_is_background", default=False)
HasListeners = Callable[[], bool]


@contextmanager
def in_background(is_background: bool = True) -> Iterator[None]:
    """Marks the work of this task, and of every task that it starts meanwhile, as background work. Not for generators."""
    token = _is_background.set(is_background)
    try:
        yield
    finally:
        _is_background.reset(token)


def is_background() -> bool:
    """True where the current task works in the background."""
    return _is_background.get()


class Turns:
    """Turns of one worker: background work waits while music is made for a listener, or while a caller's work is in hand."""

    def __init__(self, has_listeners: HasListeners = lambda: False) -> None:
        self._has_listeners = has_listeners
        self._callers = 0
        self._urgent = 0
        self._yielding = 0
        self._waited_s = 0.0
        self._since_s = 0.0

    @property
    def waited_s(self) -> float:
        """Seconds for which background work has waited so far."""
        return self._waited_s + (time.monotonic() - self._since_s if self._yielding else 0.0)

    @property
    def is_yielding(self) -> bool:
        """True while background work waits."""
        return self._yielding > 0

    @contextmanager
    def caller(self) -> Iterator[None]:
        """Counts a caller's work, unless it is background work."""
        counted = 0 if is_background() else 1
        self._callers += counted
        try:
            yield
        finally:
            self._callers -= counted

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Lets background work go on meanwhile, because a caller waits for its result; nothing where this task is background work."""
        counted = 0 if is_background() else 1
        self._urgent += counted
        try:
            yield
        finally:
            self._urgent -= counted

    async def wait(self) -> None:
        """Returns at once for a caller's work, and for background work as soon as nothing else wants the machine."""
        if not is_background() or not self._is_busy():
            return
        if not self._yielding:
            self._since_s = time.monotonic()
        self._yielding += 1
        try:
            while self._is_busy():  # noqa: ASYNC110  another thread's state is asked, which sets no event
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self._yielding -= 1
            if not self._yielding:
                self._waited_s += time.monotonic() - self._since_s

    def _is_busy(self) -> bool:
        return not self._urgent and (self._callers > 0 or self._has_listeners())
