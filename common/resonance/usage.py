"""Usage of owners: calls of this minute and seconds of music of this day, counted by all replicas together.

Each process counts at once in memory, and every ten seconds merges what it counted into one small document of the owner,
from which it learns what the others counted. So no call waits for a write, and a sum lacks at most what the other processes
counted in the last ten seconds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace

import structlog

from resonance.errors import Conflict, DataLoss, NotFound, ResonanceError
from resonance.identity import acting_as
from resonance.store.keys import usage_key
from resonance.store.protocol import ObjectStore

MERGED_S = 10.0
DAY_S = 86_400
_OWNERS_MAX = 10_000
_TRIES_MAX = 20
_log = structlog.get_logger("usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What an owner used: calls in a minute (minutes since 1970), and music in a day (days since 1970, UTC)."""

    minute: int = 0
    calls: int = 0
    day: int = 0
    music_s: float = 0.0

    def at(self, now_s: float) -> Sums:
        """The sums at a time: those of an earlier minute or day are gone."""
        minute, day = int(now_s // 60), int(now_s // DAY_S)
        calls = self.calls if self.minute >= minute else 0
        music_s = self.music_s if self.day >= day else 0.0
        return Sums(minute=max(minute, self.minute), calls=calls, day=max(day, self.day), music_s=music_s)

    def plus(self, other: Sums) -> Sums:
        """The sums of two that are of the same time."""
        return replace(self, calls=self.calls + other.calls, music_s=max(0.0, self.music_s + other.music_s))


@dataclass(slots=True)
class _Owner:
    merged: Sums
    pending: Sums
    merged_s: float  # monotonic
    task: asyncio.Task[None] | None = None


class Usage:
    """Counts the use of owners in one process, and merges it with that of others."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._owners: OrderedDict[str, _Owner] = OrderedDict()

    async def now(self, owner: str) -> Sums:
        """The sums of an owner. A store that is away leaves those that this process knows."""
        found = self._owners.get(owner)
        if found is None or (found.task is None and time.monotonic() - found.merged_s > MERGED_S):
            try:
                merged, _ = await self._read(owner)
            except ResonanceError as failure:
                _log.warning("the use of an owner cannot be read at the moment", cause=failure.message)
                merged = found.merged if found else Sums()
            entry = self._entry(owner)
            if entry.task is None:
                entry.merged, entry.merged_s = merged, time.monotonic()
        return self.known(owner)

    def known(self, owner: str) -> Sums:
        """The sums of an owner as far as this process knows them."""
        entry = self._entry(owner)
        return self._total(entry)

    def add(self, owner: str, *, calls: int = 0, music_s: float = 0.0) -> None:
        """Counts; a negative number takes back."""
        entry, now_s = self._entry(owner), self._clock()
        entry.pending = entry.pending.at(now_s).plus(Sums(calls=calls, music_s=0.0))
        entry.pending = replace(entry.pending, music_s=entry.pending.music_s + music_s)
        if entry.task is None:
            entry.task = asyncio.create_task(self._merge_later(owner, entry), name="merge of an owner's use")

    async def close(self) -> None:
        """Merges what is counted, and ends."""
        open_entries = [(owner, entry) for owner, entry in self._owners.items() if entry.task is not None]
        for _, entry in open_entries:
            if entry.task is not None:
                entry.task.cancel()
        await asyncio.gather(
            *(entry.task for _, entry in open_entries if entry.task is not None), return_exceptions=True
        )
        await asyncio.gather(*(self._merge(owner, entry) for owner, entry in open_entries), return_exceptions=True)

    def _total(self, entry: _Owner) -> Sums:
        now_s = self._clock()
        return entry.merged.at(now_s).plus(entry.pending.at(now_s))

    def _entry(self, owner: str) -> _Owner:
        if owner not in self._owners:
            self._owners[owner] = _Owner(Sums(), Sums(), time.monotonic() - 2 * MERGED_S)
        self._owners.move_to_end(owner)
        if len(self._owners) > _OWNERS_MAX:
            idle = next((name for name, entry in self._owners.items() if entry.task is None), None)
            if idle is not None and idle != owner:
                del self._owners[idle]
        return self._owners[owner]

    async def _merge_later(self, owner: str, entry: _Owner) -> None:
        while True:
            await asyncio.sleep(MERGED_S)
            try:
                await self._merge(owner, entry)
            except ResonanceError as failure:  # it stays counted here, and is merged later
                _log.warning("the use of an owner cannot be merged at the moment", cause=failure.message)
                continue
            if entry.pending == Sums():
                entry.task = None
                return

    async def _merge(self, owner: str, entry: _Owner) -> None:
        for _ in range(_TRIES_MAX):
            merged, version = await self._read(owner)
            now_s, counted = self._clock(), entry.pending
            together = merged.at(now_s).plus(counted.at(now_s))
            data = json.dumps(asdict(together)).encode()
            try:
                with acting_as(owner):
                    if version is None:
                        await self._store.create(usage_key(), data)
                    else:
                        await self._store.replace(usage_key(), data, version=version)
            except (Conflict, NotFound):
                continue
            entry.merged, entry.merged_s = together, time.monotonic()
            entry.pending = _minus(entry.pending, counted)
            return
        raise Conflict("the document of an owner's use is busy", reason="USAGE_BUSY")

    async def _read(self, owner: str) -> tuple[Sums, str | None]:
        try:
            with acting_as(owner):
                stored = await self._store.get(usage_key())
        except NotFound:
            return Sums(), None
        except DataLoss:
            with acting_as(owner):
                await self._store.delete(usage_key())
            return Sums(), None
        known = {field.name for field in fields(Sums)}
        found = {name: value for name, value in json.loads(stored.data).items() if name in known}
        return Sums(**found), stored.version


async def read_usage(store: ObjectStore, owner: str) -> Sums:
    """The sums of an owner as they were merged last."""
    return (await Usage(store).now(owner)).at(time.time())


def _minus(later: Sums, counted: Sums) -> Sums:
    """What was counted while a merge was on its way."""
    left = Sums(
        minute=later.minute,
        calls=later.calls - (counted.calls if later.minute == counted.minute else 0),
        day=later.day,
        music_s=later.music_s - (counted.music_s if later.day == counted.day else 0.0),
    )
    return Sums() if not left.calls and not left.music_s else left
