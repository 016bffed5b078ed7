"""Which tracks are being heard at the moment, so that playlists that share a song do not hear it twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Claims:
    """The tracks that calls of this process are hearing.

    A claim takes all its tracks at once or none, and waits holding none: no two claims can wait for each other.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._changed = asyncio.Event()

    @contextmanager
    def open(self) -> Iterator[Claim]:
        """A claim, which gives back what it took when the context ends."""
        claim = Claim(self._taken)
        try:
            yield claim
        finally:
            self._taken -= claim.tracks
            self._changed.set()
            self._changed = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Returns when a claim has ended, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


class Claim:
    """What one call hears."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self.tracks: set[str] = set()

    def take(self, tracks: set[str]) -> bool:
        """Takes the tracks, unless one of them is taken."""
        if tracks & self._taken:
            return False
        self.tracks = tracks
        self._taken |= tracks
        return True
