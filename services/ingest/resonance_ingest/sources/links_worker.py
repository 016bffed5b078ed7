"""Downloader child with yt-dlp: `python -m resonance_ingest.sources.links_worker REQUEST`.

It lists or fetches, prints one line of JSON, and is allowed neither private addresses nor other programs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from resonance.audio import confinement
from resonance.audio.confinement import Refusal
from resonance_ingest.sources import url_policy
from resonance_ingest.sources.site_errors import explain_site_error

_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
_SOCKET_S_MAX = 15


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
    try:
        return _list(request) if request["do"] == "list" else _fetch(request)
    except Refusal as refusal:
        return {"reason": refusal.reason, "message": refusal.message}
    except yt_dlp.utils.YoutubeDLError as failure:
        reason, message = explain_site_error(str(failure))
        return {"reason": reason, "message": message, "complaint": str(failure)[:500]}


def _list(request: dict[str, Any]) -> dict[str, Any]:
    import yt_dlp

    options = {
        **_options(request),
        "extract_flat": "in_playlist",
        "lazy_playlist": True,
        "playlist_items": f"1:{request['tracks_max'] + 1}",  # one more shows that there are more
        "noplaylist": not request["is_playlist"],
        # Titles only: an unavailable track fails when it is fetched.
        "ignore_no_formats_error": True,
    }
    with yt_dlp.YoutubeDL(options) as site:
        found = site.extract_info(request["url"], download=False)
    entries = [entry for entry in found["entries"] if entry] if "entries" in found else [found]
    tracks = [{"title": _title(entry), "url": _locator(entry)} for entry in entries[: request["tracks_max"]]]
    count = found.get("playlist_count")
    return {"title": _title(found), "tracks": tracks, "track_count": count if isinstance(count, int) else len(entries)}


def _fetch(request: dict[str, Any]) -> dict[str, Any]:
    import yt_dlp

    target = Path(request["target"])
    limits = _Limits(request)
    options = {
        **_options(request),
        "outtmpl": {"default": target.name.replace("%", "%%")},
        "format": "bestaudio[protocol^=http]/best[protocol^=http]",
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": limits.look,
        "progress_hooks": [limits.watch],
        "max_filesize": request["track_bytes_max"],
        "continuedl": True,  # resumes the `.part` of an earlier child
        "ratelimit": request["rate_bytes_max"] or None,
    }
    with yt_dlp.YoutubeDL(options) as site:
        site.extract_info(request["url"], download=True)
    if limits.refusal is not None:
        raise limits.refusal
    if not target.exists():  # `max_filesize` skips silently
        raise limits.too_large()
    return {"byte_count": target.stat().st_size}


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


def _options(request: dict[str, Any]) -> dict[str, Any]:
    """Options of every call of yt-dlp: quiet, bounded, and without other programs."""
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
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
    }


def _title(info: dict[str, Any]) -> str:
    return str(info.get("title") or info.get("id") or "untitled")[:300]


def _locator(entry: dict[str, Any]) -> str:
    return str(entry.get("webpage_url") or entry.get("url") or entry.get("original_url"))


class _Silent:
    """A logger that drops all messages: the exceptions of yt-dlp have them too."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


if __name__ == "__main__":
    main()
