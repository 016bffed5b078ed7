"""Link source: tracks read by yt-dlp in confined processes."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resonance.audio.sandbox import ChildResult, run_child
from resonance.errors import DeadlineExceeded, FailedPrecondition
from resonance.ids import sha256_hex
from resonance.retry import Retries
from resonance.settings import Settings
from resonance_ingest.jobs.job import JobTrack
from resonance_ingest.sources.list_cache import ListCache
from resonance_ingest.sources.playlists import SEARCH, find_resolver
from resonance_ingest.sources.source import Playlist, to_tracks
from resonance_ingest.sources.url_policy import check_url

_YOUTUBE = ("youtube.com", "youtu.be")
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_FETCHES_MAX = 3
_BROKEN = ("SITE_UNREACHABLE",)
_CHILD = "resonance_ingest.sources.links_worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLink:
    """A link, as a playlist or a single track. Only YouTube is ambiguous: a video seen as part of a list."""

    url: str
    is_playlist: bool
    is_youtube: bool


def parse_link(url: str) -> ParsedLink:
    """Decides by host and query parameters whether a link means a playlist or a single track.

    A YouTube link with `list=` means the playlist, also where it shows one video of it; every other YouTube link with a
    video means the video. On other sites a link means all tracks behind it.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    if not any(host == each or host.endswith("." + each) for each in _YOUTUBE):
        return ParsedLink(url=url, is_playlist=True, is_youtube=False)
    has_video = host == "youtu.be" or parts.path.startswith(("/watch", "/shorts/", "/embed/", "/live/", "/v/"))
    return ParsedLink(url=url, is_playlist="list" in parse_qs(parts.query) or not has_video, is_youtube=True)


def youtube_id(url: str) -> str:
    """The id of the video that a link of YouTube's names; empty for any other link."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not any(host == each or host.endswith("." + each) for each in _YOUTUBE):
        return ""
    named = parse_qs(parts.query).get("v", [""])[0] if parts.path == "/watch" else parts.path.rsplit("/", 1)[-1]
    return named if _VIDEO_ID.fullmatch(named) else ""


class LinkSource:
    """A link as a source. Each call is one child process in a folder of the job."""

    def __init__(self, url: str, folder: Path, settings: Settings, lists: ListCache) -> None:
        self._link = parse_link(url)
        self._folder = folder
        self._settings = settings
        self._lists = lists

    async def playlist(self) -> Playlist:
        """The first tracks behind the link, in its own order.

        Raises:
            FailedPrecondition: the site refuses, or there are no tracks; the message says which.
            DeadlineExceeded: the site took too long.
        """
        if (known := await self._lists.find(self._link.url)) is not None:
            return known
        found = await self._listed()
        await self._lists.remember(self._link.url, found)
        return found

    async def _listed(self) -> Playlist:
        if (resolver := find_resolver(self._link.url, self._settings)) is not None:
            return await resolver.resolve(self._link.url, tracks_max=self._settings.tracks_max)
        answer = await self._ask({"do": "list", "url": self._link.url, "is_playlist": self._link.is_playlist})
        tracks = to_tracks((found["title"], found["url"]) for found in answer["tracks"])
        return Playlist(title=answer["title"], tracks=tracks, track_count=answer["track_count"])

    def digest(self, track: JobTrack) -> str | None:
        """The digest of a YouTube id, whose video does not change; None for other addresses."""
        video_id = youtube_id(track.locator)
        return sha256_hex(f"youtube:{video_id}".encode()) if video_id else None

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Downloads one track. A broken download is resumed where it broke, a few times, within the time limit.

        Raises as `playlist` does, and InvalidInput for an address that a list must not name.
        """
        if not track.locator.startswith(SEARCH):
            check_url(track.locator, self._settings)
        clock = asyncio.get_running_loop().time
        until_s = clock() + self._settings.download_s_max
        retries = Retries(first_s=0.5, longest_s=1.0, patience_s=self._settings.download_s_max, tries_max=_FETCHES_MAX)
        while True:
            try:
                await self._ask({"do": "fetch", "url": track.locator, "target": str(target)}, until_s - clock())
                return
            except FailedPrecondition as failure:
                if failure.reason not in _BROKEN:
                    raise
                await retries.pause(failure)

    async def _ask(self, request: dict[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        request |= {
            "is_youtube": self._link.is_youtube or request["url"].startswith(SEARCH),
            "proxy": self._settings.download_proxy,
            "rate_bytes_max": self._settings.download_rate_bytes_max,
            "tracks_max": self._settings.tracks_max,
            "track_bytes_max": self._settings.track_bytes_max,
            "track_duration_s_max": self._settings.track_duration_s_max,
            "allow_private": self._settings.allow_private_addresses,
        }
        result = await run_child(
            _CHILD,
            [json.dumps(request)],
            folder=self._folder,
            timeout_s=self._settings.download_s_max if timeout_s is None else timeout_s,
        )
        return _parse_answer(result, self._settings)


def _parse_answer(result: ChildResult, settings: Settings) -> dict[str, Any]:
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
