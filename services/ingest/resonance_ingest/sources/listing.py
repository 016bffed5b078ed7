"""Listing of a link's tracks in the downloader child: lists inside lists never become tracks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from resonance.audio.confinement import Refusal
from resonance_ingest.sources.youtube_links import youtube_id

_REDIRECTS_MAX = 8
_DEPTH_MAX = 2  # a channel's tabs are lists inside a list
_PAGED_MAX = 100  # of a list that is read by pages: far more than tracks are taken
_LISTS = ("playlist", "multi_video")
_REFERENCES = ("url", "url_transparent")


class Listing:
    """The tracks behind a link, as yt-dlp's extractors list them without asking for each."""

    def __init__(self, site: Any) -> None:
        """`site` is a `yt_dlp.YoutubeDL`."""
        self._site = site
        self.list_count = 0

    def resolve(self, url: str, extractor: str | None = None) -> dict[str, Any]:
        """What is behind an address after all references: a video or a list, not yet processed."""
        for _ in range(_REDIRECTS_MAX):
            found: dict[str, Any] = self._site.extract_info(url, download=False, ie_key=extractor, process=False)
            if found.get("_type") not in _REFERENCES:
                return found
            url, extractor = found["url"], found.get("ie_key")
        raise Refusal("NO_AUDIO_THERE", "There is no audio behind this link: it leads from one address to the next.")

    def first(self, found: dict[str, Any], count: int) -> list[dict[str, Any]]:
        """The first tracks of a list in its order; a video is its own only track."""
        return list(islice(self._tracks(found, 0), count)) if _is_list(found) else [found]

    def _tracks(self, found: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        for entry in _entries(found):
            if _is_list(entry):
                if depth < _DEPTH_MAX:
                    yield from self._tracks(entry, depth + 1)
            elif self._names_list(entry):
                self.list_count += 1
            else:
                yield entry

    def _names_list(self, entry: dict[str, Any]) -> bool:
        """True for a reference to a list. Of an unknown extractor it is known only when the track is fetched."""
        if entry.get("_type") not in _REFERENCES or not (extractor := entry.get("ie_key")):
            return False
        if extractor.startswith("Youtube"):
            return not youtube_id(entry["url"]) and extractor != "YoutubeClip"
        return self._site.get_info_extractor(extractor).is_single_video(entry["url"]) is False


def _is_list(found: dict[str, Any]) -> bool:
    return found.get("_type") in _LISTS


def _entries(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of a list, which most extractors read page by page as they are asked for; empty places are left out."""
    from yt_dlp.utils import PagedList

    entries = found.get("entries")
    if isinstance(entries, PagedList):
        entries = entries.getslice(0, _PAGED_MAX)
    return (entry for entry in entries or () if entry)
