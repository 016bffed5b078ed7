"""Scheduler: the running requests that move in the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

SHORT_S = 1.0
AMPLE_S = 4.0
# A live request with less slack is late: its next chunk should come earlier than that (`performance.LIVE_MARGIN_S`).
PRESSED_S = 0.1


class Schedulable(Protocol):
    """State of a request that the scheduler reads."""

    @property
    def is_live(self) -> bool:
        """True where each chunk is made as late as possible, so that a control is heard soon."""
        ...

    def may_move(self, now_s: float) -> bool:
        """True where more audio is wanted now."""
        ...

    def slack_s(self, now_s: float) -> float:
        """Seconds of sent audio that a client still has to play, if it began at the first chunk; pauses move the clock."""
        ...

    @property
    def is_background(self) -> bool:
        """True where no listener waits for it."""
        ...


Request = TypeVar("Request", bound=Schedulable)


def wants_machine(running: Sequence[Schedulable], now_s: float) -> bool:
    """True where a listener's request wants steps: it may move now, or is live and may at any moment."""
    return any(request.is_live or request.may_move(now_s) for request in running if not request.is_background)


def plan(running: Sequence[Request], now_s: float) -> list[Request]:
    """The requests that take the next step together.

    A step costs more with every request in it. While a request is short of audio, requests with ample audio therefore skip the step.
    While a live chunk is being made, requests skip from `SHORT_S` on, and all of them where that chunk is late. A live chunk that has
    missed its time already does not hold up the others. Requests in the background move while no listener's request wants steps.
    """
    if wants_machine(running, now_s):
        running = [request for request in running if not request.is_background]
    ready = [request for request in running if request.may_move(now_s)]
    if not any(request.slack_s(now_s) < SHORT_S for request in ready):
        return ready
    live = [request for request in ready if request.is_live]
    if any(0 < request.slack_s(now_s) < PRESSED_S for request in live):
        return live
    ample_s = SHORT_S if live else AMPLE_S
    return [request for request in ready if request.is_live or request.slack_s(now_s) < ample_s]
