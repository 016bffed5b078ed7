"""Takes that are made while their clients ask for their state: `Prefer: respond-async` and event streams.

The states live in this process. A finished take is in the library, from where every gateway describes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from resonance.errors import Conflict, Overloaded, ResonanceError, Unavailable
from resonance.identity import caller_key
from resonance.ids import sha256_hex
from resonance.v1 import generate_pb2
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.services import Services
from resonance_gateway.services.take_stream import TakeCutError, TakeStream
from resonance_gateway.services.takes import generate_take

RUNNING_MAX = 64
KEPT_MAX = 256
KEPT_S = 600.0
FINAL = ("finished", "failed", "cancelled")


@dataclass(slots=True, kw_only=True)
class BackgroundTake:
    """One take that is made in the background, and its state as JSON. `changed` is set, and replaced, at every change."""

    request: bytes
    state: dict[str, Any]
    stream: TakeStream
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    ended_s: float | None = None

    @property
    def is_final(self) -> bool:
        """True where the state changes no more."""
        return self.state["state"] in FINAL

    async def states(self) -> AsyncGenerator[dict[str, Any], None]:
        """The state now, and at every change until it is final; changes that come fast are told together."""
        while True:
            changed, state = self.changed, dict(self.state)
            yield state
            if state["state"] in FINAL:
                return
            await changed.wait()

    def tell(self, **changes: Any) -> None:
        """Changes the state and wakes those who follow it."""
        self.state |= changes
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class BackgroundTakes:
    """The takes of this gateway that are made in the background, by caller and request id."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._clock = clock
        self._takes: dict[tuple[str, str], BackgroundTake] = {}

    async def start(self, request: generate_pb2.GenerateRequest) -> BackgroundTake:
        """Begins a take; the same request again is the same take. What the generate service refuses is refused here.

        Raises:
            Conflict: the id stands for another request.
            Overloaded: this gateway makes as many takes in the background as it may.
        """
        self._forget_old()
        place, asked = _place(request.request_id), request.SerializeToString(deterministic=True)
        known = self._takes.get(place)
        if known is not None and known.state["state"] not in ("failed", "cancelled"):
            if known.request != asked:
                message = f"request id {request.request_id} was used for another request; choose a new one"
                raise Conflict(message, reason="REQUEST_ID_REUSED")
            return known
        if sum(not take.is_final for take in self._takes.values()) >= RUNNING_MAX:
            message = f"{RUNNING_MAX} takes are made in the background already; try again later"
            raise Overloaded(message, reason="BACKGROUND_FULL", retry_after_s=5.0)
        stream = await generate_take(self._services, request, wait_s_max=0.0)
        known = self._takes.get(place)
        if known is not None and known.request == asked and not known.is_final:  # the same request came twice at once
            await stream.close()
            return known
        take = BackgroundTake(request=asked, state=_begin(request.request_id, stream), stream=stream)
        self._takes[place] = take
        take.task = asyncio.create_task(self._make(take, stream), name="background take")
        return take

    def find(self, request_id: str) -> BackgroundTake | None:
        """The take of that id, if the caller began it here."""
        self._forget_old()
        return self._takes.get(_place(request_id))

    async def cancel(self, take: BackgroundTake) -> None:
        """Stops a take; a final one stays as it is."""
        if take.task is not None:
            take.task.cancel()
            await asyncio.gather(take.task, return_exceptions=True)
        if not take.is_final:  # the task was cancelled before it began
            await take.stream.close()
            take.tell(state="cancelled", place=None, wait_s=None)
            take.ended_s = self._clock()

    async def close(self) -> None:
        """Stops all takes."""
        for take in list(self._takes.values()):
            await self.cancel(take)

    async def _make(self, take: BackgroundTake, stream: TakeStream) -> None:
        try:
            await _follow(take, stream)
        except asyncio.CancelledError:
            take.tell(state="cancelled", place=None, wait_s=None)
            raise
        except ResonanceError as error:
            take.tell(state="failed", place=None, wait_s=None, problem=problem_fields(error))
        except TakeCutError as cut:
            lost = Unavailable(f"{cut}; send the request again", reason="STREAM_CUT", retry_after_s=1.0)
            take.tell(state="failed", place=None, wait_s=None, problem=problem_fields(lost))
        finally:
            take.ended_s = self._clock()

    def _forget_old(self) -> None:
        now_s = self._clock()
        ended = [(take.ended_s, place) for place, take in self._takes.items() if take.ended_s is not None]
        excess = len(self._takes) - KEPT_MAX
        for number, (ended_s, place) in enumerate(sorted(ended)):
            if number < excess or now_s - ended_s > KEPT_S:
                del self._takes[place]


async def _follow(take: BackgroundTake, stream: TakeStream) -> None:
    try:
        async with aclosing(stream.events()) as events:
            async for event in events:
                if event.HasField("queued") and not event.queued.is_parked:
                    wait_s = event.queued.wait_s if event.queued.HasField("wait_s") else None
                    take.tell(state="queued", place=event.queued.place, wait_s=wait_s)
                elif event.HasField("chunk"):
                    made = event.chunk.sample_offset + event.chunk.sample_count
                    take.tell(state="running", place=None, wait_s=None, sample_count=made)
                elif event.HasField("progress"):
                    made, total = event.progress.sample_count, event.progress.sample_count_total
                    take.tell(state="running", place=None, wait_s=None, sample_count=made, sample_count_total=total)
                elif event.HasField("finished"):
                    total, made_take = event.finished.end.sample_count_total, to_json(event.finished.take)
                    take.tell(state="finished", take=made_take, sample_count=total, sample_count_total=total)
    finally:
        await stream.close()


def _begin(request_id: str, stream: TakeStream) -> dict[str, Any]:
    opening, queued = stream.opening, stream.queued
    return {
        "request_id": request_id,
        "state": "running" if queued is None else "queued",
        "place": None if queued is None else queued.place,
        "wait_s": queued.wait_s if queued is not None and queued.HasField("wait_s") else None,
        "sample_count": 0,
        "sample_count_total": opening.sample_count_total,
        "sample_rate_hz": opening.sample_rate_hz,
        "seed": opening.seed,
        "notices": list(opening.notices),
        "take": None,
        "problem": None,
    }


def failed_state(request_id: str, problem: dict[str, Any]) -> dict[str, Any]:
    """The state of a take that could not begin."""
    return {
        "request_id": request_id,
        "state": "failed",
        "place": None,
        "wait_s": None,
        "sample_count": 0,
        "sample_count_total": 0,
        "sample_rate_hz": 0,
        "seed": None,
        "notices": [],
        "take": None,
        "problem": problem,
    }


def finished_state(take: generate_pb2.Take) -> dict[str, Any]:
    """The state of a take of the library."""
    count = round(take.duration_s * take.format.sample_rate_hz)
    return {
        "request_id": take.request_id,
        "state": "finished",
        "place": None,
        "wait_s": None,
        "sample_count": count,
        "sample_count_total": count,
        "sample_rate_hz": take.format.sample_rate_hz,
        "seed": take.seed,
        "notices": list(take.notices),
        "take": to_json(take),
        "problem": None,
    }


def _place(request_id: str) -> tuple[str, str]:
    return sha256_hex(caller_key().encode()), request_id
