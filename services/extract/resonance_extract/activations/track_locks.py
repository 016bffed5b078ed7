"""Which tracks are being heard at the moment, by any replica, so that playlists that share a song do not hear it twice."""

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
from resonance.store.keys import claim_key, claims_prefix

LEASE_S = 10.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """A claim of somebody else, as it was read."""

    name: str
    tracks: frozenset[str]
    is_held: bool


class TrackLocks:
    """The tracks that calls are hearing, in this process and in every other one on the same store.

    A claim takes all its tracks at once or none, and waits holding none: no two claims can wait for each other. Between processes a claim
    is a document, first `wanted`, then `held` (a bakery, Lamport 1974): who wants looks at all the others, gives way to one that is held or
    has the smaller name, and waits until one with a larger name has given way or holds. Its owner writes it again every quarter of a lease;
    one that has not changed for a lease, by the reader's own clock, is a dead process's and is removed. A claim saves work and guards
    nothing: results lie under their content's digest, and hearing a track twice gives the same bytes.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        scope: str,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`scope` is the digest of the model: other models hear for themselves."""
        self._store = store
        self._scope = scope
        self._lease_s = lease_s
        self._clock = clock
        self._taken: set[str] = set()
        self._changed = asyncio.Event()
        self._sightings: dict[str, tuple[str, float]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TrackLock]:
        """A claim, which gives back what it took when the context ends."""
        claim = TrackLock(self)
        try:
            yield claim
        finally:
            await self._give_back(claim)

    async def change(self, seconds: float) -> None:
        """Returns when a claim of this process has ended, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def take(self, claim: TrackLock, tracks: set[str]) -> bool:
        """Takes the tracks for the claim, unless one of them is taken. Raises Unavailable where the store is."""
        if tracks & self._taken:
            return False
        if not tracks:
            return True
        claim.tracks = tracks
        claim.beat += 1  # a claim that comes again is not taken for the one that was seen before
        self._taken |= tracks
        try:
            is_ours = await self._take_in_store(claim)
        except BaseException:
            await self._give_back(claim)
            raise
        if not is_ours:
            await self._give_back(claim)
        return is_ours

    async def _take_in_store(self, claim: TrackLock) -> bool:
        key = claim_key(self._scope, claim.name)
        await self._store.put(
            key, _document(claim, is_held=False)
        )  # over its own that could not be removed, if there is one
        while True:
            rivals = [other for other in await self._others(claim) if other.tracks & claim.tracks]
            if any(other.is_held or other.name < claim.name for other in rivals):
                return False
            if not rivals:
                break
            await asyncio.sleep(_LOOK_S)
        try:
            wanted = await self._store.get(key)
            version = await self._store.replace(key, _document(claim, is_held=True), version=wanted.version)
        except (Conflict, NotFound):  # taken for a dead process's: this one was stopped for a lease
            return False
        claim.beating = asyncio.create_task(self._beat(claim, version))
        return True

    async def _others(self, claim: TrackLock) -> list[_Other]:
        """All living claims but this one; dead ones are removed."""
        found, seen = [], {}
        async for key in self._store.keys(claims_prefix(self._scope)):
            if key == claim_key(self._scope, claim.name):
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
            found.append(_Other(name=read["name"], tracks=frozenset(read["tracks"]), is_held=read["is_held"]))
        self._sightings = seen
        return found

    async def _beat(self, claim: TrackLock, version: str) -> None:
        """Writes the claim again and again. Where the store fails it runs out, and at worst a track is heard twice."""
        key = claim_key(self._scope, claim.name)
        while True:
            await asyncio.sleep(self._lease_s / 4)
            claim.beat += 1
            try:
                version = await self._store.replace(key, _document(claim, is_held=True), version=version)
            except (Conflict, NotFound):
                return
            except ResonanceError:
                continue

    async def _give_back(self, claim: TrackLock) -> None:
        if not claim.tracks:
            return
        self._taken -= claim.tracks
        claim.tracks = set()
        self._changed.set()
        self._changed = asyncio.Event()
        if claim.beating is not None:
            claim.beating.cancel()
            await asyncio.gather(claim.beating, return_exceptions=True)  # our own cancellation passes
        with suppress(ResonanceError):  # where it cannot be removed it runs out
            await self._store.delete(claim_key(self._scope, claim.name))


@dataclass(slots=True, eq=False)
class TrackLock:
    """What one call hears."""

    claims: TrackLocks
    name: str = field(default_factory=new_request_id)
    tracks: set[str] = field(default_factory=set)
    beat: int = 0
    beating: asyncio.Task[None] | None = None

    async def take(self, tracks: set[str]) -> bool:
        """Takes the tracks, unless one of them is taken."""
        return await self.claims.take(self, tracks)


def _document(claim: TrackLock, *, is_held: bool) -> bytes:
    document = {"name": claim.name, "tracks": sorted(claim.tracks), "is_held": is_held, "beat": claim.beat}
    return json.dumps(document).encode()
