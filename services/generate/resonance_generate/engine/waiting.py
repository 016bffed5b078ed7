"""Waiting: estimates of when a queued request gets a slot, and the choice of takes that lend theirs.

A take whose client has `lead_s` seconds in hand is *parked* while others wait: it keeps its state without a slot, and comes back before its
client has played them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resonance.errors import Overloaded
from resonance_generate.engine.running_request import RunningRequest

# A parked take comes back when its client has no more than this share of the lead in hand.
RETURN_SHARE = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """The place of a request that waits, counted from 1, and an estimate of its wait; None where no slot will come free by itself."""

    place: int
    wait_s: float | None
    is_parked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The present speed: steps a second that each moving request gets, and what parking goes by."""

    steps_per_s: float
    frame_rate_hz: float
    lead_s: float
    parked_max: int

    def making_s(self, frames_left: int | None) -> float:
        """Seconds until a take is whole; infinity for a performance."""
        return float("inf") if frames_left is None else max(0, frames_left) / self.steps_per_s

    def filling_s(self, in_hand_s: float) -> float:
        """Seconds until a client has the lead in hand: infinity where takes are made no faster than they are played, or never parked."""
        gain = self.steps_per_s / self.frame_rate_hz - 1
        missing_s = self.lead_s - max(0.0, in_hand_s)
        if not self.parked_max or (missing_s > 0 and gain <= 0):
            return float("inf")
        return max(0.0, missing_s / gain) if missing_s > 0 else 0.0


def estimate_waits(
    running: Iterable[RunningRequest],
    parked: Iterable[RunningRequest],
    queued_frames: Sequence[int | None],
    *,
    free_slots: int,
    pace: Pace,
    now_s: float,
) -> list[float | None]:
    """Seconds until each queued request has a slot, in the order of the queue.

    A slot comes free when its take is whole or its client has the lead in hand. Parked takes come back before the queue moves on.
    """
    free_at = [0.0] * free_slots + [_holds_for(one, pace, now_s) for one in running]
    heapq.heapify(free_at)
    returns = sorted(max(0.0, one.in_hand_s(now_s) - pace.lead_s * RETURN_SHARE) for one in parked)
    burst_s = pace.filling_s(pace.lead_s * RETURN_SHARE)
    waits: list[float | None] = []
    for frames in queued_frames:
        while returns and free_at and returns[0] <= free_at[0]:
            due_s = max(heapq.heappop(free_at), returns.pop(0))
            heapq.heappush(free_at, due_s + burst_s)
        wait_s = heapq.heappop(free_at) if free_at else float("inf")
        waits.append(None if wait_s == float("inf") else wait_s)
        held_s = pace.making_s(frames) if frames is None else min(pace.making_s(frames), pace.filling_s(0.0))
        heapq.heappush(free_at, wait_s + held_s)
    return waits


def _holds_for(running: RunningRequest, pace: Pace, now_s: float) -> float:
    making_s = pace.making_s(running.frames_left)
    return min(making_s, pace.filling_s(running.in_hand_s(now_s))) if running.may_be_parked else making_s


def queue_full(slot_count: int, queue_places: int, wait_s: float | None) -> Overloaded:
    """The refusal of a request for which there is neither a slot nor a place, with the wait for the first place; None: not known."""
    retry_after_s = float(max(1, math.ceil(60.0 if wait_s is None else wait_s)))
    return Overloaded(
        f"all {slot_count} slots and {queue_places} places in the queue are taken; try again in {retry_after_s:.0f} s",
        reason="QUEUE_FULL",
        retry_after_s=retry_after_s,
    )


def plan_turnover(
    running: Sequence[RunningRequest],
    parked: Sequence[RunningRequest],
    *,
    queued: int,
    free_slots: int,
    lead_s: float,
    parked_max: int,
    now_s: float,
) -> tuple[list[RunningRequest], list[RunningRequest]]:
    """The takes that lend their slots, fullest first, and the parked ones whose clients have little left, emptiest first.

    A take with the lead in hand lends its slot to any request that waits. One with less lends it to a take that comes back with much less.
    """
    low = [one for one in parked if one.in_hand_s(now_s) <= lead_s * RETURN_SHARE]
    returning = sorted(low, key=lambda one: one.in_hand_s(now_s))
    wanted = queued + len(returning) - free_slots
    if wanted <= 0 or not parked_max:
        return [], returning
    without_slot = returning[free_slots:]
    room = parked_max - len(parked) + len(without_slot)
    by_hand = sorted((one for one in running if one.may_be_parked), key=lambda one: -one.in_hand_s(now_s))
    leaving = [one for one in by_hand if one.in_hand_s(now_s) >= lead_s][: max(0, min(wanted, room))]
    rest = [one for one in by_hand if one not in leaving]
    for back in without_slot[len(leaving) :]:
        if rest and rest[0].in_hand_s(now_s) - back.in_hand_s(now_s) > lead_s * RETURN_SHARE:
            leaving.append(rest.pop(0))
    return leaving, returning
