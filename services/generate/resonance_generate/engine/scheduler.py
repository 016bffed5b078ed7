"""Which rows move in the next step: late rows first, rows with seconds in hand rest while others are short or play live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

SHORT_S = 1.0
AMPLE_S = 4.0
# A live row that has less is late: it means to have its next chunk sooner (`performance.LEAD_S`).
PRESSED_S = 0.1


class Schedulable(Protocol):
    """What the scheduler needs to know of a row."""

    @property
    def is_live(self) -> bool:
        """Whether it makes each chunk as late as it can: it moves when it must."""
        ...

    def may_move(self, now_s: float) -> bool:
        """Whether more sound is wanted of it now."""
        ...

    def slack_s(self, now_s: float) -> float:
        """Seconds of sound made beyond what a listener has played who began at the first chunk and never paused."""
        ...


RunningRequest = TypeVar("RunningRequest", bound=Schedulable)


def plan(rows: Sequence[RunningRequest], now_s: float) -> list[RunningRequest]:
    """The rows that move now. Rows whose listeners do not take what they have wait; while any row is short of sound, rows with ample
    sound wait too, so that a step costs the late rows less. A live chunk in the making is waited for by all who are not short, and by all
    where it is late; what comes too late anyhow is waited for by nobody."""
    ready = [row for row in rows if row.may_move(now_s)]
    if not any(row.slack_s(now_s) < SHORT_S for row in ready):
        return ready
    live = [row for row in ready if row.is_live]
    if any(0 < row.slack_s(now_s) < PRESSED_S for row in live):
        return live
    ample_s = SHORT_S if live else AMPLE_S
    return [row for row in ready if row.is_live or row.slack_s(now_s) < ample_s]
