"""Retries: doubling pauses, longest pause, time and try limits."""

from __future__ import annotations

import pytest

from resonance.errors import Unavailable
from resonance.retry import Retries

FAILURE = Unavailable("away", reason="AWAY")


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses_s: list[float] = []

    def time(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds


def start(clock: Clock, *, patience_s: float = 100.0, tries_max: int | None = None) -> Retries:
    return Retries(
        first_s=0.5, longest_s=4.0, patience_s=patience_s, tries_max=tries_max, clock=clock.time, sleep=clock.sleep
    )


async def test_pauses_double_up_to_the_longest() -> None:
    clock = Clock()
    retries = start(clock)
    for _ in range(6):
        await retries.pause(FAILURE)
    assert clock.pauses_s == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


async def test_a_pause_that_outlasts_the_patience_raises_the_failure() -> None:
    clock = Clock()
    retries = start(clock, patience_s=3.0)
    await retries.pause(FAILURE)
    await retries.pause(FAILURE)
    with pytest.raises(Unavailable, match="away"):
        await retries.pause(FAILURE)
    assert clock.pauses_s == [0.5, 1.0]
    retries.extend()
    await retries.pause(FAILURE)
    assert clock.pauses_s[-1] == 2.0, "extending the patience leaves the pauses as long as they are"


async def test_the_last_try_raises_its_failure_and_a_reset_begins_anew() -> None:
    clock = Clock()
    retries = start(clock, tries_max=3)
    for _ in range(2):
        for _ in range(2):
            await retries.pause(FAILURE)
        with pytest.raises(Unavailable):
            await retries.pause(FAILURE)
        retries.reset()
    assert clock.pauses_s == [0.5, 1.0, 0.5, 1.0]
