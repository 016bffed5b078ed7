"""Track locks: playlists that share a new track have it read once, also between replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from resonance.durable import Engine, Work
from resonance.errors import ResonanceError
from resonance.ids import new_request_id

READ_TRACK = "ReadTrack"
_log = structlog.get_logger("extract")


class TrackLocks:
    """The tracks that calls are reading, in this process and in every other process on the same engine.

    A lock takes all of its tracks at once or none, and a call that waits holds none, so that no two calls wait for each other.

    Between processes a lock is a workflow whose id is the track's, and an id runs once. Its one activity runs in the process that reads,
    and ends when the track is read; where that process dies, the engine ends the workflow a few seconds later. A lock saves work and
    guards no data: results are stored under their content's digest, and reading a track twice gives the same bytes. So a process whose
    engine is not started or is away reads without it.
    """

    def __init__(self, engine: Engine, *, scope: str) -> None:
        """`scope` is the model's digest, because other models read tracks for themselves."""
        self._engine = engine
        self._scope = scope
        self._taken: set[str] = set()
        self._changed = asyncio.Event()
        self._held: dict[str, asyncio.Event] = {}
        self.task_queue = f"tracks-{scope[:16]}"
        self.reader_queue = f"{self.task_queue}-{new_request_id()}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TrackLock]:
        """A lock without tracks, which releases what it took when the context ends."""
        lock = TrackLock(self)
        try:
            yield lock
        finally:
            self.release(lock)

    async def change(self, seconds: float) -> None:
        """Returns when a lock of this process was released, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def take(self, lock: TrackLock, tracks: set[str]) -> bool:
        """Takes the tracks for the lock, unless one of them is taken."""
        if tracks & self._taken:
            return False
        lock.tracks = tracks
        self._taken |= tracks
        try:
            is_taken = not tracks or await self._take_in_engine(tracks)
        except BaseException:
            self.release(lock)
            raise
        if not is_taken:
            self.release(lock)
        return is_taken

    async def hold(self, work_id: str) -> None:
        """Waits until the track of that work is released. The activity of its workflow calls it."""
        if (held := self._held.get(work_id)) is not None:
            await held.wait()

    def release(self, lock: TrackLock) -> None:
        """Gives the tracks of a lock free. It is safe to call twice."""
        for track in lock.tracks:
            if (held := self._held.pop(self._work_id(track), None)) is not None:
                held.set()
        self._taken -= lock.tracks
        lock.tracks = set()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _take_in_engine(self, tracks: set[str]) -> bool:
        """In the order of their names, so that of two calls with common tracks one gets all of them."""
        if not (self._engine.is_started or self._engine.is_remote):
            return True
        try:
            for track in sorted(tracks):
                work_id = self._work_id(track)
                self._held[work_id] = asyncio.Event()
                work = Work(
                    kind=READ_TRACK,
                    work_id=work_id,
                    owner="",
                    task_queue=self.task_queue,
                    argument={"work_id": work_id, "reader_queue": self.reader_queue},
                )
                if not await self._engine.begin(work):
                    # The activity of an earlier lock of this process may wait here by now, if it began late.
                    self._held.pop(work_id).set()
                    return False
        except ResonanceError as failure:
            _log.warning("tracks are read without the engine's lock", why=failure.message)
        return True

    def _work_id(self, track: str) -> str:
        return f"track/{self._scope[:16]}/{track}"


@dataclass(slots=True, eq=False)
class TrackLock:
    """The lock of one call on the tracks that it reads."""

    locks: TrackLocks
    tracks: set[str] = field(default_factory=set)

    async def take(self, tracks: set[str]) -> bool:
        """Takes the tracks, unless one of them is taken."""
        return await self.locks.take(self, tracks)
