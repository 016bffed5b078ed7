"""Track locks between replicas.

Playlists that share a new track have it read once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from resonance.errors import Conflict, DataLoss, NotFound, ResonanceError
from resonance.ids import new_request_id
from resonance.store import ObjectStore
from resonance.store.keys import track_lock_key, track_locks_prefix

LEASE_S = 10.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredLock:
    """The lock of another call, as it was read from the store."""

    name: str
    tracks: frozenset[str]
    is_held: bool


class TrackLocks:
    """The tracks that calls are reading, in this process and in every other process on the same store.

    A lock takes all of its tracks at once or none, and a call that waits holds none, so that no two calls wait for each other. Between
    processes a lock is a document, first wanted, then held (Lamport's bakery, 1974). A call that wants tracks reads all other locks. It
    gives way to one that is held or has the smaller name, and waits until one with a larger name has given way or holds.

    The owner renews its document every quarter of a lease. Any reader removes a document that has not changed for a lease, by its own
    clock, because its process is dead. A lock saves work and guards no data: results are stored under their content's digest, and reading
    a track twice gives the same bytes.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        scope: str,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`scope` is the model's digest, because other models read tracks for themselves."""
        self._store = store
        self._scope = scope
        self._lease_s = lease_s
        self._clock = clock
        self._taken: set[str] = set()
        self._changed = asyncio.Event()
        self._sightings: dict[str, tuple[str, float]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TrackLock]:
        """A lock without tracks, which releases what it took when the context ends."""
        lock = TrackLock(self)
        try:
            yield lock
        finally:
            await self._release(lock)

    async def change(self, seconds: float) -> None:
        """Returns when a lock of this process was released, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def take(self, lock: TrackLock, tracks: set[str]) -> bool:
        """Takes the tracks for the lock, unless one of them is taken. Raises Unavailable where the store is away."""
        if tracks & self._taken:
            return False
        if not tracks:
            return True
        lock.tracks = tracks
        lock.heartbeats += 1  # the document differs from the one that this lock wrote before
        self._taken |= tracks
        try:
            is_taken = await self._take_in_store(lock)
        except BaseException:
            await self._release(lock)
            raise
        if not is_taken:
            await self._release(lock)
        return is_taken

    async def _take_in_store(self, lock: TrackLock) -> bool:
        key = track_lock_key(self._scope, lock.name)
        await self._store.put(key, _to_json(lock, is_held=False))  # also over its own document, if removing it failed
        while True:
            rivals = [other for other in await self._load_others(lock) if other.tracks & lock.tracks]
            if any(other.is_held or other.name < lock.name for other in rivals):
                return False
            if not rivals:
                break
            await asyncio.sleep(_LOOK_S)
        try:
            wanted = await self._store.get(key)
            version = await self._store.replace(key, _to_json(lock, is_held=True), version=wanted.version)
        except (Conflict, NotFound):  # this process stopped for a lease, and another removed its document
            return False
        lock.renewal = asyncio.create_task(self._renew(lock, version))
        return True

    async def _load_others(self, lock: TrackLock) -> list[_StoredLock]:
        """All living locks but this one. Dead ones are removed."""
        found, seen = [], {}
        async for key in self._store.keys(track_locks_prefix(self._scope)):
            if key == track_lock_key(self._scope, lock.name):
                continue
            try:
                stored = await self._store.get(key)
                read: dict[str, Any] = json.loads(stored.data)
            except (NotFound, DataLoss, ValueError):
                continue
            version, since_s = self._sightings.get(key, (stored.version, self._clock()))
            if version != stored.version:
                since_s = self._clock()
            if self._clock() - since_s > self._lease_s:
                await self._store.delete(key)
                continue
            seen[key] = (stored.version, since_s)
            found.append(_StoredLock(name=read["name"], tracks=frozenset(read["tracks"]), is_held=read["is_held"]))
        self._sightings = seen
        return found

    async def _renew(self, lock: TrackLock, version: str) -> None:
        """Renews the document four times a lease. While the store is away the lease runs out, and at worst a track is read twice."""
        key = track_lock_key(self._scope, lock.name)
        while True:
            await asyncio.sleep(self._lease_s / 4)
            lock.heartbeats += 1
            try:
                version = await self._store.replace(key, _to_json(lock, is_held=True), version=version)
            except (Conflict, NotFound):
                return
            except ResonanceError:
                continue

    async def _release(self, lock: TrackLock) -> None:
        if not lock.tracks:
            return
        self._taken -= lock.tracks
        lock.tracks = set()
        self._changed.set()
        self._changed = asyncio.Event()
        if lock.renewal is not None:
            lock.renewal.cancel()
            await asyncio.gather(lock.renewal, return_exceptions=True)  # the caller's own cancellation still passes
        with suppress(ResonanceError):  # a document that cannot be removed runs out
            await self._store.delete(track_lock_key(self._scope, lock.name))


@dataclass(slots=True, eq=False)
class TrackLock:
    """The lock of one call on the tracks that it reads."""

    locks: TrackLocks
    name: str = field(default_factory=new_request_id)
    tracks: set[str] = field(default_factory=set)
    heartbeats: int = 0
    renewal: asyncio.Task[None] | None = None

    async def take(self, tracks: set[str]) -> bool:
        """Takes the tracks, unless one of them is taken."""
        return await self.locks.take(self, tracks)


def _to_json(lock: TrackLock, *, is_held: bool) -> bytes:
    document = {
        "name": lock.name,
        "tracks": sorted(lock.tracks),
        "is_held": is_held,
        "heartbeats": lock.heartbeats,
    }
    return json.dumps(document).encode()
