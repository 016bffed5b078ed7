"""YouTube links: every pasted form, and what it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from resonance.errors import FailedPrecondition

HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com")
_SITE = "https://www.youtube.com"
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_ID_BEGINNING = re.compile(r"[A-Za-z0-9_-]+")
# Paths that carry a video's id as their next part.
_VIDEO_PATHS = frozenset({"watch", "shorts", "live", "embed", "v", "e", "vi", "video"})
_CHANNEL = re.compile(r"/(@[^/]+|(?:channel|c|user)/[^/]+)(?:/([a-z]+))?/?", re.IGNORECASE)
# Tabs of a channel that are read as they are; every other one (home, about, posts) stands for the channel's videos.
_TABS = frozenset({"videos", "shorts", "streams", "live", "playlists", "releases", "podcasts", "courses"})
# Pages that carry the real link in a parameter.
_WRAPPERS = {"attribution_link": "u", "oembed": "url", "signin": "next", "m": "continue", "ml": "continue"}
_NO_TRACK_PATHS = frozenset({"", "feed", "redirect", "account", "premium", "about", "gaming", "post"})
# Lists that only their owner sees: "Watch later" and two names of "Liked".
_PERSONAL = frozenset({"WL", "LL", "LM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class YouTubeLink:
    """A link of YouTube's. `url` is what is asked for, `notice` what the user is told about the choice."""

    url: str
    is_playlist: bool
    video_id: str = ""
    notice: str = ""


def is_youtube(host: str) -> bool:
    """True for YouTube's own hosts."""
    return any(host == each or host.endswith("." + each) for each in HOSTS)


def parse_youtube(url: str) -> YouTubeLink:
    """Decides by path and parameters whether a link means one video or a list.

    A video shown as part of a list (`watch?v=..&list=..`) means the list; the notice names the link of the one video.
    Parameters that only track or start later (`si`, `t`, `pp`, `feature`, `index`) are dropped.
    """
    host, path, query = _split(_unwrap(url))
    video = _find_video(host, path, query)
    list_id = query.get("list", "")
    if list_id and not list_id.startswith("RDCLAK"):
        if video and list_id in _PERSONAL:
            notice = "Only its owner sees the list of this link, so the one video that it shows was taken."
            return YouTubeLink(url=_watch(video), is_playlist=False, video_id=_whole_id(video), notice=notice)
        # A radio's name holds the video that it began with: RD and its id.
        video = video or (list_id[2:] if list_id.startswith("RD") and _ID.fullmatch(list_id[2:]) else "")
    if list_id:
        return YouTubeLink(url=_list_url(video, list_id), is_playlist=True, notice=_describe_choice(video, list_id))
    if video:
        return YouTubeLink(url=_watch(video), is_playlist=False, video_id=_whole_id(video))
    if channel := _CHANNEL.fullmatch(path):
        tab = (channel[2] or "").lower()
        return YouTubeLink(url=f"{_SITE}/{channel[1]}/{tab if tab in _TABS else 'videos'}", is_playlist=tab != "live")
    return YouTubeLink(url=url, is_playlist=not path.startswith("/clip/"))


def check_youtube(url: str) -> None:
    """Checks a link before it is asked for.

    Raises:
        FailedPrecondition: it was cut while it was copied (LINK_CUT), names a list that only its owner sees
            (PLAYLIST_PRIVATE), or names neither video, playlist nor channel (NO_AUDIO_THERE).
    """
    host, path, query = _split(_unwrap(url))
    video, list_id = _find_video(host, path, query), query.get("list", "")
    if list_id in _PERSONAL and not video:
        message = "Only you can see this list of YouTube's. Put its songs into a playlist that is public or unlisted, and paste that link."
        raise FailedPrecondition(message, reason="PLAYLIST_PRIVATE")
    if video and not list_id and not _whole_id(video):
        message = (
            f"The link is cut short: a video's id has 11 characters, and “{video}” has {len(video)}. Copy it again."
        )
        raise FailedPrecondition(message, reason="LINK_CUT")
    is_empty = path.strip("/").split("/")[0].lower() in _NO_TRACK_PATHS or path.rstrip("/") in ("/watch", "/playlist")
    if is_empty and not video and not list_id:
        message = (
            "This link leads to YouTube, but to no video, playlist or channel. Open one there, and paste its link."
        )
        raise FailedPrecondition(message, reason="NO_AUDIO_THERE")


def youtube_id(url: str) -> str:
    """The id of the one video that a link of YouTube's names; empty for any other link."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return parse_youtube(url).video_id if is_youtube(host) else ""


def _unwrap(url: str) -> str:
    """The link that a page of YouTube's leads to, such as its question about cookies."""
    for _ in range(3):
        parts = urlsplit(url)
        name = _WRAPPERS.get(parts.path.strip("/"))
        inner = parse_qs(parts.query).get(name, [""])[0] if name else ""
        inner = _SITE + inner if inner.startswith("/") else inner
        if not inner or not is_youtube((urlsplit(inner).hostname or "").rstrip(".")):
            return url
        url = inner
    return url


def _split(url: str) -> tuple[str, str, dict[str, str]]:
    """Host, path and parameters. Links of old apps have path and parameters behind `#`, copied pages `&amp;` for `&`."""
    parts = urlsplit(url)
    path, query = parts.path, parts.query.replace("&amp;", "&").replace("?", "&")
    fragment = parts.fragment.lstrip("!")
    if "v=" in fragment:
        inner = urlsplit(fragment if fragment.startswith("/") else "/watch?" + fragment.removeprefix("?"))
        path, query = inner.path, f"{query}&{inner.query}"
    host = (parts.hostname or "").rstrip(".")
    parameters = {name: values[0].strip() for name, values in parse_qs(query).items()}
    return host, re.sub(r"/{2,}", "/", unquote(path)), parameters


def _find_video(host: str, path: str, query: dict[str, str]) -> str:
    """The id of a video as the link has it, of any length; empty where it names none."""
    first, _, rest = path.strip("/").partition("/")
    if host == "youtu.be" or host.endswith(".youtu.be"):
        given = rest if first.lower() in _VIDEO_PATHS and rest else first
        given = query.get("v", "") if first.lower() == "watch" and not rest else given
    elif first.lower() not in _VIDEO_PATHS:
        return ""
    else:
        given = rest.split("/")[0] or query.get("v", "") or query.get("vi", "")
        given = "" if given in ("videoseries", "live_stream") else given
    found = _ID_BEGINNING.match(given)
    return found[0][:11] if found else ""


def _whole_id(video: str) -> str:
    return video if _ID.fullmatch(video) else ""


def _watch(video: str) -> str:
    return f"{_SITE}/watch?{urlencode({'v': video})}"


def _list_url(video: str, list_id: str) -> str:
    # Radios and queues exist beside a video alone, so that one is kept.
    if video:
        return f"{_SITE}/watch?{urlencode({'v': video, 'list': list_id})}"
    return f"{_SITE}/playlist?{urlencode({'list': list_id})}"


def _describe_choice(video: str, list_id: str) -> str:
    if not _whole_id(video):
        return ""
    one = f"For that one alone, use https://youtu.be/{video}"
    if list_id.startswith("RD") and not list_id.startswith("RDCLAK"):
        return f"This link is a radio that YouTube made around one song, so its first songs were taken. {one}"
    return f"This link shows one video of a playlist, so the playlist was taken. {one}"
