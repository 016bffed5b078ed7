"""Preemption of background requests: they end where listeners need their slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resonance.errors import Overloaded
from resonance_generate.engine.request import EngineRequest
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.engine.scheduler import wants_machine

BACKGROUND_RETRY_S = 10.0
BACKGROUND_HELD_S_MAX = 60.0


class BackgroundPreemption:
    """Watches if listeners want steps, and chooses the background requests that end for them."""

    def __init__(self) -> None:
        self._wanted_since_s: float | None = None  # without a break

    @property
    def is_wanted(self) -> bool:
        """True while a listener's request is live or wants more audio."""
        return self._wanted_since_s is not None

    def look(self, running: Sequence[RunningRequest], now_s: float) -> None:
        """Notes if listeners want steps now."""
        if not wants_machine(running, now_s):
            self._wanted_since_s = None
        elif self._wanted_since_s is None:
            self._wanted_since_s = now_s

    def choose(
        self, running: Sequence[RunningRequest], waiting: Iterable[EngineRequest], *, free_slots: int, now_s: float
    ) -> list[RunningRequest]:
        """Background requests, youngest first, whose slots listeners wait for, and all that were held for a minute."""
        background = [one for one in reversed(running) if one.is_background]
        if self._wanted_since_s is not None and now_s - self._wanted_since_s > BACKGROUND_HELD_S_MAX:
            return background
        listeners = sum(not one.is_background for one in waiting)
        return background[: max(0, listeners - max(0, free_slots))]


def preempted_error() -> Overloaded:
    """The error of a preempted background request."""
    message = "listeners need the place of this background work; it goes on later"
    return Overloaded(message, reason="GAVE_WAY", retry_after_s=BACKGROUND_RETRY_S)
