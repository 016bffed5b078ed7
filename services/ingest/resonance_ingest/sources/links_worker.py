"""Downloader child with yt-dlp: `python -m resonance_ingest.sources.links_worker REQUEST`.

It lists or fetches, prints one line of JSON, and is allowed neither private addresses nor other programs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from resonance.audio import confinement
from resonance.audio.confinement import Refusal
from resonance_ingest.sources import url_policy
from resonance_ingest.sources.listing import Listing
from resonance_ingest.sources.searched_song import SearchedSong
from resonance_ingest.sources.site_errors import UPLOAD, explain_site_error

_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
_SOCKET_S_MAX = 15
_SEARCHED = 8  # results of a search that are looked at


class _Log:
    """Keeps yt-dlp's warnings: they name causes that its final message does not, such as a missing JavaScript runtime."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


def main() -> None:
    request = json.loads(sys.argv[1])
    confinement.die_with_parent()
    confinement.limit_resources(
        cpu_s=300, memory_bytes=_MEMORY_BYTES_MAX, file_bytes=request["track_bytes_max"] + 1024 * 1024
    )
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries goes to stderr
    print(json.dumps(answer(request)), file=answers, flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request; a refusal is an answer."""
    import yt_dlp  # before the guard: its import looks for programs

    url_policy.guard_process(allow_private=request["allow_private"], proxy=request["proxy"])
    log = _Log()
    try:
        return _ANSWERS[request["do"]](request, log)
    except Refusal as refusal:
        return {"reason": refusal.reason, "message": refusal.message}
    except yt_dlp.utils.YoutubeDLError as failure:
        reason, message = explain_site_error(str(failure), log.warnings)
        return {"reason": reason, "message": message, "complaint": str(failure)[:500]}


def _list(request: dict[str, Any], log: _Log) -> dict[str, Any]:
    """The first tracks behind a link, by title and address."""
    import yt_dlp

    # Titles only: an unavailable track fails when it is fetched.
    options = {**_options(request, log), "noplaylist": not request["is_playlist"], "ignore_no_formats_error": True}
    with yt_dlp.YoutubeDL(options) as site:
        listing = Listing(site)
        try:
            found = listing.resolve(request["url"])
        except yt_dlp.utils.DownloadError as failure:
            if "does not have a videos tab" not in str(failure):
                raise
            found = listing.resolve(request["url"].removesuffix("/videos"))  # a channel of streams, shorts or songs
        entries = listing.first(found, request["tracks_max"] + 1)  # one more shows that there are more
    if not entries and listing.list_count:
        raise _list_of_lists(listing.list_count)
    tracks = [{"title": _title(entry), "url": _locator(entry)} for entry in entries[: request["tracks_max"]]]
    count, has_more = found.get("playlist_count"), len(entries) > request["tracks_max"]
    return {
        "title": _title(found),
        "tracks": tracks,
        "track_count": count if isinstance(count, int) else None if has_more else len(tracks),
        "has_more": has_more,
        "list_count": listing.list_count,
    }


def _find(request: dict[str, Any], log: _Log) -> dict[str, Any]:
    """Searches YouTube for a song and fetches the first video that has its title, artist and length."""
    import yt_dlp

    song = SearchedSong(**request["song"])
    with yt_dlp.YoutubeDL(_options(request, log)) as site:
        listing = Listing(site)
        found = listing.first(listing.resolve(f"ytsearch{_SEARCHED}:{song.query}"), _SEARCHED)
    if (video := song.choose(found)) is None:
        message = f"No video was found on YouTube that has the title, artist and length of “{song.name}”. {UPLOAD}"
        raise Refusal("SONG_NOT_FOUND", message)
    return _fetch({**request, "url": _locator(video)}, log)


def _fetch(request: dict[str, Any], log: _Log) -> dict[str, Any]:
    import yt_dlp

    target = Path(request["target"])
    limits = _Limits(request)
    options = {
        **_options(request, log),
        "outtmpl": {"default": target.name.replace("%", "%%")},
        "format": "bestaudio[protocol^=http]/best[protocol^=http]",
        "noplaylist": True,
        "match_filter": limits.look,
        "progress_hooks": [limits.watch],
        "max_filesize": request["track_bytes_max"],
        "continuedl": True,  # resumes the `.part` of an earlier child
        "ratelimit": request["rate_bytes_max"] or None,
    }
    with yt_dlp.YoutubeDL(options) as site:
        site.process_ie_result(_one_track(Listing(site), request["url"]), download=True)
    if limits.refusal is not None:
        raise limits.refusal
    if not target.exists():  # `max_filesize` skips silently
        raise limits.too_large()
    return {"byte_count": target.stat().st_size}


_ANSWERS: dict[str, Callable[[dict[str, Any], _Log], dict[str, Any]]] = {"list": _list, "find": _find, "fetch": _fetch}


def _one_track(listing: Listing, url: str) -> dict[str, Any]:
    """The one track behind an address. A list of one is that one; another list is refused: its first entry is another song."""
    found = listing.resolve(url)
    entries = listing.first(found, 2)
    if entries and entries[0] is found:
        return found
    if len(entries) != 1:
        raise _list_of_lists(max(1, listing.list_count))
    entry = entries[0]
    return (
        listing.resolve(entry["url"], entry.get("ie_key"))
        if entry.get("_type") in ("url", "url_transparent")
        else entry
    )


def _list_of_lists(count: int) -> Refusal:
    there = "is a list" if count == 1 else f"are {count} lists"
    return Refusal("LIST_OF_LISTS", f"There {there} behind this link and no track: paste the link of one list.")


class _Limits:
    """Limits of one track. yt-dlp calls `look` before and `watch` during a download."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.refusal: Refusal | None = None
        self._bytes_max = int(request["track_bytes_max"])
        self._duration_s_max = float(request["track_duration_s_max"])

    def look(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """Match filter of yt-dlp: a returned message refuses the track."""
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
            self.refusal = Refusal("LIVE_STREAM", "A live stream has no end, and cannot be a track.")
        elif (info.get("duration") or 0) > self._duration_s_max:
            limit = f"{self._duration_s_max / 60:g}"
            self.refusal = Refusal("TOO_LONG", f"The track is longer than {limit} minutes.")
        return self.refusal.message if self.refusal else None

    def watch(self, progress: dict[str, Any]) -> None:
        """Progress hook of yt-dlp: the size of a direct file is not known before."""
        if (progress.get("downloaded_bytes") or 0) > self._bytes_max:
            raise self.too_large()

    def too_large(self) -> Refusal:
        return Refusal("TOO_LARGE", f"The track is larger than {self._bytes_max // 2**20} MB.")


def _options(request: dict[str, Any], log: _Log) -> dict[str, Any]:
    """Options of every call of yt-dlp: quiet, bounded, and without other programs."""
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": log,
        "cachedir": False,
        "usenetrc": False,
        "cookiefile": None,
        "proxy": request["proxy"],
        "socket_timeout": _SOCKET_S_MAX,
        "retries": 2,
        "extractor_retries": 1,
        "fragment_retries": 2,
        "hls_prefer_native": True,
        "enable_file_urls": False,
        "postprocessors": [],
        "fixup": "never",
        "updatetime": False,
        "allowed_extractors": ["^youtube.*"] if request["is_youtube"] else ["default"],
        # YouTube's addresses of sound are locked by a script; yt-dlp alone would look for deno only.
        "js_runtimes": {name: {} for name in ("deno", "node", "bun", "quickjs")},
    }


def _title(info: dict[str, Any]) -> str:
    return str(info.get("title") or info.get("id") or "untitled")[:300]


def _locator(entry: Mapping[str, Any]) -> str:
    """The address of a track; a player within a page has none but that of its best file, the last format."""
    formats = entry.get("formats") or [{}]
    return str(entry.get("webpage_url") or entry.get("url") or formats[-1].get("url") or entry.get("original_url"))


if __name__ == "__main__":
    main()
