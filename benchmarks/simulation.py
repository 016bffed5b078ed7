"""Fleet simulation: two thousand clients, real scheduler, virtual time.

Replicas with slots and queues get open-loop arrivals. A step of n takes lasts as long as the real decoder's: a straight line through
1..slots, with the measured spread around it. The product's own `plan` decides which takes step. Network, codec and gateway are not
simulated.
"""

from __future__ import annotations

import heapq
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from benchmarks.steps import PROMPT
from resonance_generate.engine.scheduler import plan
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel

FRAME_S, FIRST_FRAMES, CHUNK_FRAMES, LAG_FRAMES, DELAY_FRAMES = 0.02, 10, 25, 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLaw:
    """Seconds of a step of n takes: `base_s + slot_s * n`, times 1 + a normal number with standard deviation `spread`."""

    base_s: float
    slot_s: float
    spread: float

    def draw(self, take_count: int, dice: random.Random) -> float:
        """Seconds of one step, at random."""
        return (self.base_s + self.slot_s * take_count) * max(0.3, 1 + dice.gauss(0, self.spread))


@dataclass(slots=True, kw_only=True)
class Take:
    """One client's take, with the attributes that `plan` reads."""

    arrived_s: float
    frame_count: int
    step: int = 0
    sent_frames: int = 0
    first_s: float | None = None
    second_s: float | None = None
    deficit_s: float = 0.0
    deficit_prebuffered_s: float = 0.0

    @property
    def is_live(self) -> bool:
        """No take here is a performance."""
        return False

    @property
    def is_background(self) -> bool:
        """Every take here is a listener's."""
        return False

    def may_move(self, now_s: float) -> bool:
        """Clients here always read what they are sent."""
        return True

    def slack_s(self, now_s: float) -> float:
        """Seconds sent beyond what was played."""
        return float("-inf") if self.first_s is None else self.sent_frames * FRAME_S - (now_s - self.first_s)

    def advance(self, now_s: float) -> None:
        """Counts one step, and sends the chunk that is due."""
        self.step += 1
        ready = min(self.step - DELAY_FRAMES, self.frame_count)
        size = FIRST_FRAMES if self.sent_frames == 0 else CHUNK_FRAMES
        if ready >= min(self.sent_frames + size + LAG_FRAMES, self.frame_count):
            self._send(min(self.sent_frames + size, self.frame_count), now_s)

    def _send(self, upto_frames: int, now_s: float) -> None:
        if self.first_s is None:
            self.first_s = now_s
        else:
            self.deficit_s = max(self.deficit_s, now_s - self.first_s - self.sent_frames * FRAME_S)
            if self.second_s is None:
                self.second_s = now_s
            else:
                late_s = now_s - self.second_s - self.sent_frames * FRAME_S
                self.deficit_prebuffered_s = max(self.deficit_prebuffered_s, late_s)
        self.sent_frames = upto_frames

    @property
    def is_done(self) -> bool:
        """True once everything was sent."""
        return self.sent_frames >= self.frame_count


@dataclass(slots=True)
class Replica:
    """One engine: its running takes, its queue, and the end of its step."""

    rows: list[Take] = field(default_factory=list)
    queue: deque[Take] = field(default_factory=deque)
    moving: list[Take] = field(default_factory=list)


@torch.inference_mode()
def measured_law(model: LoadedModel, slots: int, steps: int = 60) -> tuple[StepLaw, dict[str, Any]]:
    """Step law of the real decoder with 1..slots takes, from interleaved rounds, with a fresh cache of 5 s."""
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    counts = sorted({1, 2, max(1, slots // 2), slots})
    samples: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(3):
        for count in counts:
            sequences = [
                TokenSequence(
                    model.decoder,
                    CacheSlot(model.config, conditioning),
                    Sampling(guidance_scale=3.0, temperature=1.0, top_k=50, seed=seed),
                    frame_count=None,
                    window_steps=1504,
                    context_frames=750,
                )
                for seed in range(count)
            ]
            for step in range(250 + steps):
                started_s = time.perf_counter()
                advance(model.decoder, sequences)
                if step >= 250:
                    samples[count].append(time.perf_counter() - started_s)
    medians = {count: float(np.median(times)) for count, times in samples.items()}
    slot_s, base_s = np.polyfit(list(medians), list(medians.values()), 1)
    around = np.concatenate([np.asarray(times) / medians[count] for count, times in samples.items()])
    spread = float(np.clip((np.percentile(around, 84) - np.percentile(around, 16)) / 2, 0.0, 0.5))
    law = StepLaw(base_s=max(1e-4, float(base_s)), slot_s=max(0.0, float(slot_s)), spread=spread)
    return law, {"median_ms": {count: round(1e3 * value, 3) for count, value in medians.items()}}


def simulate(
    law: StepLaw, *, replicas: int, slots: int, places: int, rate_hz: float, listeners: int, take_s: float, seed: int
) -> dict[str, Any]:
    """Simulates open-loop arrivals; each goes to the replica with the fewest takes. Returns the run's figures."""
    dice = random.Random(seed)
    fleet = [Replica() for _ in range(replicas)]
    events: list[tuple[float, int, int]] = []  # (when, replica or -1 for an arrival, tie breaker)
    order = 0
    arrived_s = 0.0
    for index in range(listeners):
        arrived_s += dice.expovariate(rate_hz)
        events.append((arrived_s, -1, index))
    heapq.heapify(events)
    done: list[Take] = []
    refused = step_count = listening_max = 0

    def begin(index: int, now_s: float) -> None:
        nonlocal order, step_count
        replica = fleet[index]
        while replica.queue and len(replica.rows) < slots:
            replica.rows.append(replica.queue.popleft())
        replica.moving = plan(replica.rows, now_s)
        if replica.moving:
            order += 1
            step_count += 1
            heapq.heappush(events, (now_s + law.draw(len(replica.moving), dice), index, order))

    while events:
        now_s, index, _ = heapq.heappop(events)
        if index < 0:
            at = min(range(replicas), key=lambda place: len(fleet[place].rows) + len(fleet[place].queue))
            replica = fleet[at]
            if len(replica.rows) + len(replica.queue) >= slots + places:
                refused += 1
                continue
            replica.queue.append(Take(arrived_s=now_s, frame_count=round(take_s / FRAME_S)))
            if not replica.moving:
                begin(at, now_s)
        else:
            replica = fleet[index]
            for take in replica.moving:
                take.advance(now_s)
            done += [take for take in replica.rows if take.is_done]
            replica.rows = [take for take in replica.rows if not take.is_done]
            listening_max = max(listening_max, sum(len(one.rows) for one in fleet))
            begin(index, now_s)
    return _figures(done, refused, step_count, listening_max, rate_hz=rate_hz, take_s=take_s)


def _figures(
    done: list[Take], refused: int, step_count: int, listening_max: int, *, rate_hz: float, take_s: float
) -> dict[str, Any]:
    first_s = np.array([take.first_s - take.arrived_s for take in done if take.first_s is not None])
    late = sum(take.deficit_prebuffered_s > 0 for take in done)
    return {
        "arrivals": len(done) + refused,
        "rate_hz": round(rate_hz, 4),
        "take_s": take_s,
        "whole": len(done),
        "refused": refused,
        "first_sound_s": {f"p{share}": round(float(np.percentile(first_s, share)), 3) for share in (50, 95, 99)},
        "underruns_one_chunk_prebuffer": late,
        "underruns_playing_at_once": sum(take.deficit_s > 0 for take in done),
        "worst_deficit_prebuffered_s": round(max(take.deficit_prebuffered_s for take in done), 3),
        "most_at_once": listening_max,
        "steps": step_count,
    }


def measure(
    model: LoadedModel, *, listeners: int, replicas: int = 8, slots: int = 8, places: int = 16, take_s: float = 30.0
) -> dict[str, Any]:
    """The step law of this model on this machine, then `listeners` clients at 50, 80, 100 and 130 percent of a fleet's capacity.

    A listener plays no faster than real time, but the engine may run ahead: capacity is the engine's, not the ear's.
    """
    law, measured = measured_law(model, slots)
    # Takes per second of the fleet with every slot taken.
    takes_hz = slots / ((law.base_s + law.slot_s * slots) * (take_s / FRAME_S + DELAY_FRAMES))
    capacity_hz = takes_hz * replicas
    runs = {
        f"{share:.0%}": simulate(
            law,
            replicas=replicas,
            slots=slots,
            places=places,
            rate_hz=share * capacity_hz,
            listeners=listeners,
            take_s=take_s,
            seed=1,
        )
        for share in (0.5, 0.8, 1.0, 1.3)
    }
    told = {
        "law": {"base_ms": 1e3 * law.base_s, "row_ms": 1e3 * law.slot_s, "spread": law.spread, **measured},
        "fleet": {"replicas": replicas, "slots": slots, "places": places},
        "capacity_hz": capacity_hz,
        "runs": runs,
    }
    at_80 = runs["80%"]
    return {
        "arms": {"simulation": told},
        "ratios": {
            "simulated_underruns_at_80_percent": float(at_80["underruns_one_chunk_prebuffer"] + at_80["refused"]),
            "simulated_first_sound_p99_s": at_80["first_sound_s"]["p99"],
        },
    }
