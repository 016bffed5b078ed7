"""Limits of sites: how many listings and downloads this process runs at once from one site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from resonance.errors import Overloaded
from resonance_ingest.sources.youtube_links import is_youtube

_YOUTUBE = "youtube"


class SiteLimits:
    """Places of each site. A step that finds none gives its worker back: the engine tries it again, later each time, up to a minute."""

    def __init__(self, at_once_max: int) -> None:
        """`at_once_max` of 0 is no limit."""
        self._at_once_max = at_once_max
        self._running: Counter[str] = Counter()

    @contextmanager
    def place(self, url: str, *, is_search: bool = False) -> Iterator[None]:
        """Takes a place of the link's site; a search for a song asks YouTube.

        Raises:
            Overloaded: the site has no free place (SITE_BUSY).
        """
        host = urlsplit(url).hostname or ""
        site = _YOUTUBE if is_search or is_youtube(host) else host
        if self._at_once_max and self._running[site] >= self._at_once_max:
            message = f"{self._at_once_max} downloads from {site} are running; this one waits for its turn"
            raise Overloaded(message, reason="SITE_BUSY")
        self._running[site] += 1
        try:
            yield
        finally:
            self._running[site] -= 1
            if not self._running[site]:
                del self._running[site]
