"""Link source: tracks read by yt-dlp in confined processes."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from resonance.audio.sandbox import ChildResult, run_child
from resonance.errors import DeadlineExceeded, FailedPrecondition
from resonance.ids import sha256_hex
from resonance.retry import Retries
from resonance.settings import Settings
from resonance.steering.track_ranges import join_ranges
from resonance.v1 import steering_pb2
from resonance_ingest.jobs.job import JobTrack
from resonance_ingest.sources.list_cache import ListCache
from resonance_ingest.sources.playlists import find_resolver, uri_to_link
from resonance_ingest.sources.searched_song import SearchedSong
from resonance_ingest.sources.site_limits import SiteLimits
from resonance_ingest.sources.source import Playlist, to_tracks
from resonance_ingest.sources.url_policy import check_url
from resonance_ingest.sources.youtube_links import check_youtube, is_youtube, parse_youtube, youtube_id

_FETCHES_MAX = 3
_CHOSEN_FROM_S_MAX = 24 * 3600.0  # the longest track of which seconds may be chosen; its bytes are limited, too
_BROKEN = ("SITE_UNREACHABLE",)
_CHILD = "resonance_ingest.sources.links_worker"
# Around a link pasted from a text: space (also such that has no width), brackets, quotes.
_AROUND = " \t\r\n\f\v\u00a0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff<>\"'“”‘’«»"
_BARE_HOST = re.compile(r"[\w-]+(\.[\w-]+)+([/?#]\S*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLink:
    """A link, as a playlist or a single track. `url` is what is asked for; `notice` tells the user about the choice."""

    url: str
    is_playlist: bool
    is_youtube: bool
    notice: str = ""


def clean_link(text: str) -> str:
    """A pasted link in its plain form: no space, brackets or quotes around it, scheme and host in small letters, no default port.

    A host without a scheme gets `https://`. What is no link is returned as it is; `check_url` refuses it.
    """
    text = text.strip(_AROUND)
    text = uri_to_link(text)
    if _BARE_HOST.fullmatch(text):
        text = "https://" + text
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return text
    if not host or parts.username is not None or parts.password is not None:
        return text
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f"{host}:{port}"
    return urlunsplit(parts._replace(netloc=place))


def parse_link(url: str) -> ParsedLink:
    """Decides whether a link means a playlist or a single track: on YouTube by its form, elsewhere it means all tracks behind it."""
    url = clean_link(url)
    if not is_youtube(urlsplit(url).hostname or ""):
        return ParsedLink(url=url, is_playlist=True, is_youtube=False)
    found = parse_youtube(url)
    return ParsedLink(url=found.url, is_playlist=found.is_playlist, is_youtube=True, notice=found.notice)


def check_link(url: str, settings: Settings) -> None:
    """Checks a clean link at the door. Raises what `check_url`, `check_youtube` and the resolver of its site raise."""
    if (resolver := find_resolver(url, settings)) is not None:
        resolver.check(url)
        return
    check_url(url, settings)
    if is_youtube(urlsplit(url).hostname or ""):
        check_youtube(url)


class LinkSource:
    """A link as a source. Each call is one child process in a folder of the job."""

    def __init__(
        self,
        url: str,
        folder: Path,
        settings: Settings,
        lists: ListCache,
        sites: SiteLimits,
        options: steering_pb2.TasteOptions,
    ) -> None:
        """`options` may choose seconds of a track; the decoder keeps those alone, and such a track may be longer than the limit."""
        self._options = options
        self._link = parse_link(url)
        self._folder = folder
        self._settings = settings
        self._lists = lists
        self._sites = sites

    async def playlist(self) -> Playlist:
        """The first tracks behind the link, in its own order.

        Raises:
            FailedPrecondition: the site refuses, or there are no tracks; the message says which.
            DeadlineExceeded: the site took too long.
            Overloaded: this process runs as many downloads from the site as it may (SITE_BUSY).
        """
        if (found := await self._lists.find(self._link.url)) is None:
            found = await self._listed()
            await self._lists.remember(self._link.url, found)
        return replace(found, notice=" ".join(filter(None, (self._link.notice, found.notice))))

    async def _listed(self) -> Playlist:
        if (resolver := find_resolver(self._link.url, self._settings)) is not None:
            with self._sites.place(self._link.url):
                return await resolver.resolve(self._link.url, tracks_max=self._settings.tracks_max)
        answer = await self._ask({"do": "list", "url": self._link.url, "is_playlist": self._link.is_playlist})
        tracks = to_tracks((found["title"], found["url"]) for found in answer["tracks"])
        lists = answer["list_count"]
        return Playlist(
            title=answer["title"],
            tracks=tracks,
            track_count=answer["track_count"],
            has_more=answer["has_more"],
            notice=f"{lists} {'list' if lists == 1 else 'lists'} inside this one were left out." if lists else "",
        )

    def digest(self, track: JobTrack) -> str | None:
        """The digest of a YouTube id, whose video does not change; None for other addresses."""
        video_id = youtube_id(track.locator)
        return sha256_hex(f"youtube:{video_id}".encode()) if video_id else None

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Downloads one track. A broken download is resumed where it broke, a few times, within the time limit.

        Raises as `playlist` does, and InvalidInput for an address that a list must not name.
        """
        request: dict[str, Any] = {"do": "fetch", "url": track.locator, "target": str(target)}
        if join_ranges(self._options, track.index):
            request["track_duration_s_max"] = _CHOSEN_FROM_S_MAX
        if (song := SearchedSong.parse(track.locator)) is not None:
            request |= {"do": "find", "song": song.to_plain(), "is_youtube": True}
        else:
            check_url(track.locator, self._settings)
        clock = asyncio.get_running_loop().time
        until_s = clock() + self._settings.download_s_max
        retries = Retries(first_s=0.5, longest_s=1.0, patience_s=self._settings.download_s_max, tries_max=_FETCHES_MAX)
        while True:
            try:
                await self._ask(request, until_s - clock())
                return
            except FailedPrecondition as failure:
                if failure.reason not in _BROKEN:
                    raise
                await retries.pause(failure)

    async def _ask(self, request: dict[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        request = {
            "is_youtube": self._link.is_youtube,
            "proxy": self._settings.download_proxy,
            "rate_bytes_max": self._settings.download_rate_bytes_max,
            "tracks_max": self._settings.tracks_max,
            "track_bytes_max": self._settings.track_bytes_max,
            "track_duration_s_max": self._settings.track_duration_s_max,
            "allow_private": self._settings.allow_private_addresses,
            **request,
        }
        with self._sites.place(request["url"], is_search=request["do"] == "find"):
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
