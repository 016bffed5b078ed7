"""Recorded YouTube for yt-dlp's own extractor, inside the downloader child.

A test puts the folder with this file first on PYTHONPATH; Python imports it at start. It answers for youtube.com in place
of the network, from `site.json` beside it. No code of yt-dlp or ingest is replaced.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

_HERE = Path(__file__).parent


def _serve() -> None:
    from yt_dlp.networking import Request, RequestHandler, Response
    from yt_dlp.networking.common import register_preference, register_rh
    from yt_dlp.networking.exceptions import HTTPError

    @register_rh
    class RecordedRH(RequestHandler):
        _SUPPORTED_URL_SCHEMES = ("http", "https")

        def _check_extensions(self, extensions: dict[str, Any]) -> None:
            extensions.clear()

        def _send(self, request: Request) -> Response:
            status, kind, content = _answer(request.url, request.data)
            response = Response(
                io.BytesIO(content),
                request.url,
                {"Content-Type": kind, "Content-Length": str(len(content))},
                status=status,
            )
            if status >= 400:
                raise HTTPError(response)
            return response

    @register_preference(RecordedRH)
    def prefer(handler: RequestHandler, request: Request) -> int:
        return 10_000


def _answer(url: str, data: bytes | None) -> tuple[int, str, bytes]:
    site = json.loads((_HERE / "site.json").read_text())
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    with (_HERE / "asked").open("a") as asked:
        print(url, file=asked)
    if (parts.hostname or "").endswith("googlevideo.com"):
        return 200, "audio/mp4", (_HERE / "song.m4a").read_bytes()
    wanted = json.loads(data) if data else {}
    if parts.path == "/youtubei/v1/player":
        return _player(site, wanted.get("videoId", ""))
    if parts.path == "/youtubei/v1/next":
        return 200, "application/json", b'{"contents": {"twoColumnWatchNextResults": {}}}'
    if parts.path == "/youtubei/v1/search":
        return 200, "application/json", json.dumps(_found(site, wanted.get("query", ""))).encode()
    if parts.path == "/youtubei/v1/browse":
        found = _playlist(site["playlists"].get(wanted.get("browseId", "")[2:]))
        return 200, "application/json", json.dumps(found).encode()
    if (name := parts.path.split("/")[1]) in site.get("channels", {}):
        return 200, "text/html", _page("Channel", _channel(name, site["channels"][name], parts.path))
    if parts.path == "/playlist" or "list" in query:
        return 200, "text/html", _page("List", _playlist(site["playlists"].get(query["list"][0])))
    if parts.path == "/watch" or parts.path.startswith("/embed/"):
        return 200, "text/html", _page("Video", {})
    return 404, "text/html", b""


def _player(site: dict[str, Any], video_id: str) -> tuple[int, str, bytes]:
    video = site["videos"].get(video_id, {"status": "ERROR", "reason": "Video unavailable"})
    if "http_status" in video:
        return video["http_status"], "text/html", b"Too Many Requests"
    answer = {
        "playabilityStatus": {"status": video.get("status", "OK"), "reason": video.get("reason", "")},
        "videoDetails": {
            "videoId": video_id,
            "title": video.get("title", video_id),
            "lengthSeconds": str(video.get("duration_s", 2)),
            "channelId": "UC" + "a" * 22,
            "author": "A band",
            "isLive": video.get("is_live", False),
        },
    }
    if answer["playabilityStatus"]["status"] == "OK":
        answer["streamingData"] = {"adaptiveFormats": [_format(video_id, video)]}
    if video.get("is_locked"):  # the address is there only after YouTube's script has worked on it
        form = answer["streamingData"]["adaptiveFormats"][0]
        form["signatureCipher"] = f"s={'A' * 100}&sp=sig&url={quote(form.pop('url'), safe='')}"
    return 200, "application/json", json.dumps(answer).encode()


def _format(video_id: str, video: dict[str, Any]) -> dict[str, Any]:
    return {
        "itag": 140,
        "url": f"https://r1---sn-x.googlevideo.com/videoplayback?id={video_id}",
        "mimeType": 'audio/mp4; codecs="mp4a.40.2"',
        "bitrate": 128_000,
        "contentLength": str((_HERE / "song.m4a").stat().st_size),
        "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "approxDurationMs": str(1000 * video.get("duration_s", 2)),
        "audioSampleRate": "44100",
        "audioChannels": 2,
    }


def _found(site: dict[str, Any], query: str) -> dict[str, Any]:
    """The result of a search: the video whose title is in the query, or else the first that plays."""
    playable = {key: each for key, each in site["videos"].items() if each.get("title")}
    best = next((key for key, each in playable.items() if each["title"][:6] in query), next(iter(playable)))
    found = [*site.get("found_before", []), _video(best, playable[best]["title"])]
    section = {"itemSectionRenderer": {"contents": found}}
    contents = {"sectionListRenderer": {"contents": [section]}}
    return {"contents": {"twoColumnSearchResultsRenderer": {"primaryContents": contents}}}


def _video(video_id: str, title: str, length: str = "0:02") -> dict[str, Any]:
    text = {"runs": [{"text": title}]}
    return {"videoRenderer": {"videoId": video_id, "title": text, "lengthText": {"simpleText": length}}}


def _channel(name: str, channel: dict[str, Any], path: str) -> dict[str, Any]:
    """The page of one tab of a channel; a tab that it does not have shows the first one, as YouTube does."""
    wanted = path.rstrip("/").rpartition("/")[2]
    tabs = channel["tabs"]
    shown = wanted if wanted in tabs else next(iter(tabs))
    renderers = []
    for tab, entries in tabs.items():
        place = {"webCommandMetadata": {"url": f"/{name}/{tab}"}}
        renderer: dict[str, Any] = {"title": tab.title(), "endpoint": {"commandMetadata": place}}
        if tab == shown:
            items = [{"richItemRenderer": {"content": _tab_item(key, title)}} for key, title in entries.items()]
            renderer |= {"selected": True, "content": {"richGridRenderer": {"contents": items}}}
        renderers.append({"tabRenderer": renderer})
    metadata = {"title": channel["title"], "externalId": "UC" + "b" * 22}
    return {
        "metadata": {"channelMetadataRenderer": metadata},
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": renderers}},
    }


def _tab_item(key: str, title: str) -> dict[str, Any]:
    """A video, or a playlist by its id."""
    if key.startswith("PL"):
        return {"playlistRenderer": {"playlistId": key, "title": {"simpleText": title}}}
    return _video(key, title)


def _playlist(playlist: dict[str, Any] | None) -> dict[str, Any]:
    if playlist is None:
        text = {"runs": [{"text": "The playlist does not exist."}]}
        return {"alerts": [{"alertRenderer": {"type": "ERROR", "text": text}}]}
    videos = [
        {
            "playlistVideoRenderer": {
                "videoId": video_id,
                "title": {"runs": [{"text": title}]},
                "lengthSeconds": "2",
                "isPlayable": True,
            }
        }
        for video_id, title in playlist["videos"].items()
    ]
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": videos}}]}}
    tab = {"tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}}
    return {
        "metadata": {"playlistMetadataRenderer": {"title": playlist["title"]}},
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [tab]}},
    }


def _page(title: str, data: dict[str, Any]) -> bytes:
    client = {"clientName": "WEB", "clientVersion": "2.20261101.00.00", "hl": "en"}
    config = json.dumps(
        {"INNERTUBE_API_KEY": "k", "INNERTUBE_CONTEXT_CLIENT_NAME": 1, "INNERTUBE_CONTEXT": {"client": client}}
    )
    return (
        f"<html><head><title>{title}</title></head><body><script>ytcfg.set({config});"
        f"var ytInitialData = {json.dumps(data)};</script></body></html>"
    ).encode()


# Only the downloader child imports yt-dlp.
if any("links_worker" in argument for argument in sys.orig_argv):
    _serve()
