"""Requests in the background while a fault is played: lists, and short takes now and then."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from .listener import Heard, Listener


class Traffic:
    """Lists at a rate, and at most one short take at a time."""

    def __init__(self, listener: Listener, *, rate_hz: float) -> None:
        self.lists: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.takes: list[Heard] = []
        self._listener, self._rate_hz = listener, rate_hz

    @asynccontextmanager
    async def while_playing(self) -> AsyncIterator[None]:
        """Sends requests until the context ends, and waits for their answers."""
        stopped = asyncio.Event()
        tasks = [asyncio.create_task(self._list_on(stopped)), asyncio.create_task(self._take_on(stopped))]
        try:
            yield
        finally:
            stopped.set()
            await asyncio.gather(*tasks)

    @property
    def lists_failed(self) -> int:
        return sum(self.lists.values()) - self.lists["200"]

    def told(self) -> str:
        """In words: what failed of what was asked."""
        wrong = ", ".join(f"{count} x {kind}" for kind, count in self.lists.items() if kind != "200")
        cut = sum(not each.is_whole for each in self.takes)
        lists = f"{self.lists_failed} of {sum(self.lists.values())} lists" + (f" ({wrong})" if wrong else "")
        return f"{lists}, {cut} of {len(self.takes)} takes; slowest list {self.slowest_s:.1f} s"

    async def _list_on(self, stopped: asyncio.Event) -> None:
        tasks = []
        while not stopped.is_set():
            tasks.append(asyncio.create_task(self._list(["/v1/tastes", "/v1/takes", "/v1/models"][len(tasks) % 3])))
            await asyncio.sleep(1 / self._rate_hz)
        await asyncio.gather(*tasks)

    async def _list(self, path: str) -> None:
        begun = time.monotonic()
        try:
            kind = str((await self._listener.ask(path)).status_code)
        except httpx.HTTPError as failure:
            kind = type(failure).__name__
        self.lists[kind] += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)

    async def _take_on(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            self.takes.append(await self._listener.take(f"t-{uuid.uuid4().hex[:12]}", 2.0))
            await asyncio.sleep(0.2)
