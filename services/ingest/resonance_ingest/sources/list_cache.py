"""List cache: tracks of a link.

A playlist that is sent twice is listed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from resonance.errors import DataLoss, NotFound
from resonance.ids import canonical_digest
from resonance.store import ObjectStore
from resonance.store.keys import list_key
from resonance_ingest.sources.source import Playlist, to_tracks

_KEPT = ("title", "track_count", "has_more", "notice")


class ListCache:
    """A cache in the object store. A list is valid for `keep_s` seconds by the wall clock; 0 keeps none."""

    def __init__(self, store: ObjectStore, *, keep_s: float, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._keep_ms = keep_s * 1000
        self._now_ms = now_ms

    async def find(self, url: str) -> Playlist | None:
        """The playlist behind a link, where it was read within `keep_s`."""
        if not self._keep_ms:
            return None
        try:
            plain = json.loads((await self._store.get(_key(url))).data)
            if not 0 <= self._now_ms() - plain["at_ms"] < self._keep_ms:
                return None
            tracks = to_tracks((track["title"], track["locator"]) for track in plain["tracks"])
            return Playlist(tracks=tracks, **{name: plain[name] for name in _KEPT})
        except (NotFound, DataLoss, ValueError, TypeError, KeyError):
            return None

    async def remember(self, url: str, playlist: Playlist) -> None:
        """Stores the playlist of a link."""
        if not self._keep_ms:
            return
        tracks = [{"title": track.title, "locator": track.locator} for track in playlist.tracks]
        plain = {name: getattr(playlist, name) for name in _KEPT} | {"tracks": tracks, "at_ms": self._now_ms()}
        await self._store.put(_key(url), json.dumps(plain).encode())


def _key(url: str) -> str:
    return list_key(canonical_digest({"url": url.strip()}))
