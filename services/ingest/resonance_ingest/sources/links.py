"""Tracks behind a link, read by yt-dlp in a child process that is killed with everything it started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resonance.audio.jail import ChildResult, run_child
from resonance.errors import DeadlineExceeded, FailedPrecondition
from resonance.settings import Settings
from resonance_ingest.jobs import JobTrack
from resonance_ingest.sources.guard import check_link
from resonance_ingest.sources.source import Playlist, SourceTrack

_YOUTUBE = ("youtube.com", "youtu.be")
_CHILD = "resonance_ingest.sources.links_child"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link and what it means. Only YouTube leaves a choice: a video that is seen as part of a list."""

    url: str
    is_playlist: bool
    is_youtube: bool


def read_link(url: str) -> Link:
    """Decides by host and query parameters whether a link means a playlist or a single track.

    A YouTube link with `list=` means the playlist, also where it shows one video of it; every other YouTube link with a
    video means the video. Elsewhere whatever is found there is meant.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    if not any(host == each or host.endswith("." + each) for each in _YOUTUBE):
        return Link(url=url, is_playlist=True, is_youtube=False)
    has_video = host == "youtu.be" or parts.path.startswith(("/watch", "/shorts/", "/embed/", "/live/", "/v/"))
    return Link(url=url, is_playlist="list" in parse_qs(parts.query) or not has_video, is_youtube=True)


class LinkSource:
    """A link as a source. Each call is one child process in a folder of the job."""

    def __init__(self, url: str, folder: Path, settings: Settings) -> None:
        self._link = read_link(url)
        self._folder = folder
        self._settings = settings

    async def playlist(self) -> Playlist:
        """The first tracks behind the link, in its own order.

        Raises:
            FailedPrecondition: the site refuses, or there is nothing; the sentence says which.
            DeadlineExceeded: the site took too long.
        """
        answer = await self._ask({"do": "list", "url": self._link.url, "is_playlist": self._link.is_playlist})
        tracks = tuple(SourceTrack(title=each["title"], locator=each["url"]) for each in answer["tracks"])
        return Playlist(title=answer["title"], tracks=tracks)

    def digest(self, track: JobTrack) -> str | None:
        return None  # what is behind an address may change

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Downloads one track. Raises as `playlist` does, and InvalidInput for an address that a list must not name."""
        check_link(track.locator, self._settings)
        await self._ask({"do": "fetch", "url": track.locator, "target": str(target)})

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        request |= {
            "is_youtube": self._link.is_youtube,
            "tracks_max": self._settings.tracks_max,
            "track_bytes_max": self._settings.track_bytes_max,
            "track_duration_s_max": self._settings.track_duration_s_max,
            "allow_private": self._settings.allow_private_addresses,
        }
        result = await run_child(
            _CHILD, [json.dumps(request)], folder=self._folder, timeout_s=self._settings.download_s_max
        )
        return _answer_of(result, self._settings)


def _answer_of(result: ChildResult, settings: Settings) -> dict[str, Any]:
    if result.timed_out:
        message = f"The site took longer than {settings.download_s_max:.0f} s. Try again, or upload the file instead."
        raise DeadlineExceeded(message, reason="DOWNLOAD_TIMEOUT")
    try:
        answer: dict[str, Any] = json.loads(result.lines[-1])
    except (IndexError, ValueError):
        message = "The link could not be read. Upload the files instead."
        raise FailedPrecondition(message, reason="SITE_FAILED") from None
    if "reason" in answer:
        raise FailedPrecondition(answer["message"], reason=answer["reason"])
    return answer
