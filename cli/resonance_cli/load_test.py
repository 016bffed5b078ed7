"""Load generator: virtual clients with random, open-loop arrivals.

The rate of arrivals does not depend on the answers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from resonance.client import AsyncClient
from resonance.client.requests import build_request
from resonance.client.take_reader import read_take
from resonance.errors import Overloaded, ResonanceError
from resonance.rpc.calls import stream_call

PROMPTS = ("calm piano", "fast drums and bass", "jazz guitar", "epic strings", "lo-fi beat", "happy folk guitar")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Poisson arrivals at `rate_hz` for `duration_s`, each requesting a take of `take_s`."""

    rate_hz: float
    duration_s: float
    take_s: float
    seed: int = 1


@dataclass(slots=True, kw_only=True)
class LoadClient:
    """One virtual client. Times are seconds since its request.

    `deficit_s` is the longest gap of a player that starts at once, `deficit_prebuffered_s` of one that starts at its second chunk.
    `error` is empty for a whole take.
    """

    arrived_s: float
    first_sound_s: float = float("nan")
    deficit_s: float = 0.0
    deficit_prebuffered_s: float = 0.0
    received_s: float = 0.0
    gaps_s: list[float] = field(default_factory=list)
    error: str = ""
    chunk_times_s: list[float] = field(default_factory=list)

    def add_chunk(self, now_s: float, duration_s: float) -> None:
        """Counts a chunk that came `now_s` after the request."""
        self.chunk_times_s.append(now_s)
        first_s, *later = self.chunk_times_s
        if not later:
            self.first_sound_s = now_s
        else:
            self.gaps_s.append(round(now_s - self.chunk_times_s[-2], 4))
            self.deficit_s = max(self.deficit_s, now_s - first_s - self.received_s)
        if len(later) > 1:
            self.deficit_prebuffered_s = max(self.deficit_prebuffered_s, now_s - later[0] - self.received_s)
        self.received_s += duration_s


async def bombard(
    address: str, plan: LoadPlan, on_progress: Callable[[float], None], **options: str
) -> list[LoadClient]:
    """Open-loop load: a late answer does not delay the next arrival. Returns every client in the order of arrival.

    Options are those of `AsyncClient`.
    """
    dice = random.Random(plan.seed)
    players: list[LoadClient] = []
    async with AsyncClient(address, **options) as client, asyncio.TaskGroup() as group:
        started_s, due_s = time.perf_counter(), 0.0
        while (due_s := due_s + dice.expovariate(plan.rate_hz)) < plan.duration_s:
            await asyncio.sleep(max(0.0, started_s + due_s - time.perf_counter()))
            player = LoadClient(arrived_s=round(time.perf_counter() - started_s, 3))
            players.append(player)
            prompt, seed = dice.choice(PROMPTS), dice.randrange(2**31)
            group.create_task(_play(client, player, prompt, seed, plan.take_s))
            on_progress(due_s)
    return players


async def _play(client: AsyncClient, player: LoadClient, prompt: str, seed: int, take_s: float) -> None:
    request = build_request(prompt, duration_s=take_s, seed=seed)
    request.is_transient = True
    requested_s, rate_hz = time.perf_counter(), 1
    try:
        # Not `client.stream`, which resumes: here a cut stream is a failure that counts.
        async for response in read_take(stream_call(client.generate.Generate(request))):
            if response.HasField("started"):
                rate_hz = response.started.format.sample_rate_hz
            elif response.HasField("chunk"):
                player.add_chunk(time.perf_counter() - requested_s, response.chunk.sample_count / rate_hz)
    except ResonanceError as failure:
        player.error = "refused" if isinstance(failure, Overloaded) else failure.reason


def summary(plan: LoadPlan, players: list[LoadClient]) -> dict[str, Any]:
    """The figures of a run: shares, percentiles in seconds, goodput in seconds of gapless music a second."""
    whole = [one for one in players if not one.error]
    refused = sum(one.error == "refused" for one in players)
    smooth = [one for one in whole if one.deficit_prebuffered_s <= 0.0]
    wall_s = max((one.arrived_s for one in players), default=0.0) + plan.take_s
    gaps = sorted(gap for one in whole for gap in one.gaps_s)
    return {
        "plan": asdict(plan),
        "arrivals": len(players),
        "whole": len(whole),
        "refused": refused,
        "failed": len(players) - len(whole) - refused,
        "first_sound_s": _percentiles(sorted(one.first_sound_s for one in whole)),
        "chunk_gap_s": _percentiles(gaps),
        "worst_deficit_s": round(max((one.deficit_s for one in whole), default=0.0), 3),
        "worst_deficit_prebuffered_s": round(max((one.deficit_prebuffered_s for one in whole), default=0.0), 3),
        "underruns_playing_at_once": sum(one.deficit_s > 0 for one in whole),
        "underruns_one_chunk_prebuffer": len(whole) - len(smooth),
        "goodput": round(sum(one.received_s for one in smooth) / max(wall_s, 1e-9), 2),
        "errors": sorted({one.error for one in players if one.error}),
    }


def _percentiles(ordered: list[float]) -> dict[str, float]:
    if not ordered:
        return {}
    return {
        f"p{share}": round(ordered[min(len(ordered) - 1, share * len(ordered) // 100)], 4) for share in (50, 95, 99)
    }
