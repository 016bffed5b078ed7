"""Spotify and Apple Music links: missing settings and API resolution.

The servers of the tests follow the documented APIs.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from tests.contract.ingest.test_youtube import SITE, youtube  # noqa: F401  (a fixture)

from resonance.rpc import to_domain_error
from resonance.v1 import jobs_pb2

STATE = jobs_pb2.JobState
SPOTIFY = "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M?si=share"
APPLE = "https://music.apple.com/us/playlist/evening/pl.f4d106fed2bd41149aaacabb233eb5eb"


class Api:
    """Spotify's accounts and Web API and Apple's catalog, as their documents describe them."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []
        self.status = 0
        self.songs = [("A band", "Song A"), ("Another", "Song B")]

    def answer(self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes) -> tuple[int, Any]:
        if self.status:
            return self.status, {"error": {"status": self.status, "message": "no"}}
        if (method, path) == ("POST", "/api/token"):
            pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
            if pair != "id:secret" or parse_qs(body.decode()) != {"grant_type": ["client_credentials"]}:
                return 400, {"error": "invalid_client"}
            return 200, {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}
        expected = "Bearer apple-token" if path.startswith("/v1/catalog") else "Bearer token-1"
        if headers["Authorization"] != expected:
            return 401, {"error": {"status": 401, "message": "Invalid access token"}}
        return 200, self._described(path, query)

    def _described(self, path: str, query: dict[str, list[str]]) -> Any:
        limit = int(query.get("limit", ["50"])[0])
        assert limit <= 50, "more than the documents allow"
        if path.startswith("/v1/catalog"):
            entries = [{"attributes": {"name": title, "artistName": artist}} for artist, title in self.songs]
            if path.endswith("/tracks"):
                return {"data": entries[:limit], "meta": {"total": len(entries)}}
            return {"data": [{"id": "pl.x", "attributes": {"name": "Evening"}}]}
        if path.endswith("/items"):
            items = [
                {
                    "added_at": "2026-01-01T00:00:00Z",
                    "item": {"name": title, "type": "track", "artists": [{"name": artist}]},
                }
                for artist, title in self.songs
            ]
            items.insert(1, {"item": {"name": "A podcast", "type": "episode"}})
            items.insert(1, {"item": None})
            return {"items": items[:limit], "total": len(self.songs), "next": None}
        return {"name": "Evening"}


@pytest.fixture
def api() -> Iterator[Api]:
    serving = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            serving.asked.append((self.command, parts.path))
            status, answer = serving.answer(self.command, parts.path, parse_qs(parts.query), self.headers, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield serving
    server.shutdown()
    server.server_close()
    thread.join()


def with_accounts(api: Api) -> dict[str, Any]:
    return {
        "spotify_client_id": "id",
        "spotify_client_secret": "secret",
        "spotify_accounts_url": api.url,
        "spotify_api_url": api.url,
        "apple_music_token": "apple-token",
        "apple_music_api_url": api.url,
        "search_for_tracks": True,
    }


@pytest.mark.parametrize("url", [SPOTIFY, APPLE])
async def test_without_an_account_the_refusal_names_the_settings_and_offers_upload(system, url: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await system.submit(url)
    error = to_domain_error(caught.value)
    assert (error.reason, caught.value.code()) == ("RESOLVER_NEEDS_CREDENTIALS", grpc.StatusCode.FAILED_PRECONDITION)
    assert "RESONANCE_" in error.message
    assert "upload" in error.message


async def test_a_playlist_is_refused_where_searching_is_not_allowed(open_system, api: Api) -> None:
    async with open_system(**with_accounts(api) | {"search_for_tracks": False}) as system:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await system.submit(SPOTIFY)
    assert to_domain_error(caught.value).reason == "SEARCH_NOT_ALLOWED"
    assert api.asked == []


@pytest.mark.parametrize("url", [SPOTIFY, APPLE])
async def test_the_songs_of_a_playlist_are_searched_for_and_extracted(
    open_system,
    youtube: Path,  # noqa: F811
    api: Api,
    url: str,
) -> None:
    async with open_system(**with_accounts(api)) as system:
        job = await system.done(await system.submit(url))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert job.title == "Evening"
    assert [track.title for track in job.tracks] == ["A band - Song A", "Another - Song B"]


async def test_of_more_songs_than_the_limit_the_first_are_taken_with_a_notice(
    open_system,
    youtube: Path,  # noqa: F811
    api: Api,
) -> None:
    api.songs = [("A band", f"Song {number}") for number in range(30)]
    async with open_system(**with_accounts(api), tracks_max=2) as system:
        job = await system.done(await system.submit(SPOTIFY))
    assert [track.title for track in job.tracks] == ["A band - Song 0", "A band - Song 1"]
    assert job.notice == "The playlist has 30 tracks; the first 2, in its own order, were taken."


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "RESOLVER_REFUSED"), (404, "PLAYLIST_NOT_SHOWN"), (429, "SITE_REFUSED"), (500, "SITE_FAILED")],
)
async def test_an_error_of_the_site_becomes_a_sentence(open_system, api: Api, status: int, reason: str) -> None:
    api.status = status
    async with open_system(**with_accounts(api)) as system:
        job = await system.done(await system.submit(APPLE))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, reason), job
    assert "upload" in job.error.message


@pytest.mark.parametrize("url", ["https://open.spotify.com/artist/x", "https://music.apple.com/us/artist/x/1"])
async def test_a_link_to_no_playlist_is_refused(open_system, api: Api, url: str) -> None:
    async with open_system(**with_accounts(api)) as system:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await system.submit(url)
    assert to_domain_error(caught.value).reason == "NOT_A_PLAYLIST"


CHANNEL = {"channelRenderer": {"channelId": "UC" + "c" * 22, "title": {"simpleText": "A band"}}}
LONG = {
    "videoRenderer": {
        "videoId": "hhhhhhhhhhh",
        "title": {"runs": [{"text": "A band - Song A (1 hour)"}]},
        "lengthText": {"simpleText": "1:00:00"},
    }
}


async def test_a_search_takes_a_video_of_the_song_and_neither_a_channel_nor_a_long_one(
    open_system,
    youtube: Path,  # noqa: F811
    api: Api,
) -> None:
    (youtube / "site.json").write_text(json.dumps(SITE | {"found_before": [CHANNEL, LONG]}))
    async with open_system(**with_accounts(api)) as system:
        job = await system.done(await system.submit(SPOTIFY))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    asked = (youtube / "asked").read_text()
    assert "videoplayback?id=aaaaaaaaaaa" in asked
    assert "videoplayback?id=hhhhhhhhhhh" not in asked


async def test_a_song_that_the_search_does_not_find_fails_alone(
    open_system,
    youtube: Path,  # noqa: F811
    api: Api,
) -> None:
    api.songs = [("A band", "Song A"), ("Nobody", "Entirely different")]
    async with open_system(**with_accounts(api)) as system:
        job = await system.done(
            await system.submit("https://open.spotify.com/intl-pt-BR/user/x/playlist/37i9dQZF1DXcBWIGoY")
        )
    assert [track.error.reason for track in job.tracks] == ["", "SONG_NOT_FOUND"], job
    assert "googlevideo" in (youtube / "asked").read_text()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://spotify.link/abcdefg", "SHORT_LINK"),
        ("https://music.apple.com/library/playlist/p.abc", "PLAYLIST_PRIVATE"),
        ("https://open.spotify.com/artist/37i9dQZF1DXcBWIGoY", "NOT_A_PLAYLIST"),
    ],
)
async def test_the_cause_is_told_before_an_account_is_asked_for(system, url: str, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await system.submit(url)
    assert to_domain_error(caught.value).reason == reason
