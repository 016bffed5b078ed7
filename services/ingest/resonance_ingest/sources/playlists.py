"""Playlist resolvers: Spotify and Apple Music links to titles.

The titles are then searched for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import urllib3

from resonance.errors import DeadlineExceeded, FailedPrecondition, ResonanceError
from resonance.settings import Settings
from resonance_ingest.sources.searched_song import SearchedSong
from resonance_ingest.sources.source import Playlist, to_tracks

_UPLOAD = "You can upload the files instead."
_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_PAGE = 50
_SPOTIFY = re.compile(
    r"(?:/intl-[a-z-]+)?(?:/embed)?(?:/user/[^/]+)?/(playlist|album|track)/([A-Za-z0-9]{10,40})/?", re.IGNORECASE
)
_SPOTIFY_HOSTS = ("open.spotify.com", "play.spotify.com", "embed.spotify.com", "spotify.com")
_SPOTIFY_SHORT_HOSTS = ("spotify.link", "spotify.app.link", "spoti.fi")
_SPOTIFY_URI = re.compile(r"spotify(?::user:[^:]+)?:(playlist|album|track):([A-Za-z0-9]{10,40})")
_APPLE = re.compile(r"/([a-z]{2})/(playlist|album|song)/(?:[^/]+/)?([A-Za-z0-9.-]{4,80})/?", re.IGNORECASE)
_APPLE_HOSTS = tuple(f"{name}music.apple.com" for name in ("", "geo.", "embed.", "classical.", "beta."))


class PlaylistResolver(Protocol):
    """Turns links of one site into lists of songs."""

    def reads(self, url: str) -> bool:
        """True for a link of this site."""
        ...

    def check(self, url: str) -> None:
        """Raises FailedPrecondition, naming the missing settings, where this server cannot resolve the link."""
        ...

    async def resolve(self, url: str, *, tracks_max: int) -> Playlist:
        """The first songs of the list, each as a search for artist and title. Raises as `check` does, and for errors of the site."""
        ...


class SpotifyResolver:
    """Spotify's Web API with client credentials (https://developer.spotify.com/documentation/web-api)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reads(self, url: str) -> bool:
        return _parse_host(url) in (*_SPOTIFY_HOSTS, *_SPOTIFY_SHORT_HOSTS)

    def check(self, url: str) -> None:
        if _parse_host(url) in _SPOTIFY_SHORT_HOSTS:
            message = "This is a short link of Spotify's. Open it in a browser, and paste the address that it leads to."
            raise FailedPrecondition(message, reason="SHORT_LINK")
        _match(_SPOTIFY, url, "Spotify")
        if not (self._settings.spotify_client_id and self._settings.spotify_client_secret):
            needed = "RESONANCE_SPOTIFY_CLIENT_ID and RESONANCE_SPOTIFY_CLIENT_SECRET"
            raise _needs("Spotify", needed, "RESOLVER_NEEDS_CREDENTIALS")
        _check_search("Spotify", self._settings)

    async def resolve(self, url: str, *, tracks_max: int) -> Playlist:
        self.check(url)
        kind, name = _match(_SPOTIFY, url, "Spotify").groups()
        kind, api = kind.lower(), self._settings.spotify_api_url.rstrip("/")
        headers = {"Authorization": f"Bearer {await self._token()}"}
        if kind == "track":
            song = _spotify_song(await _get(f"{api}/tracks/{name}", headers, "Spotify"))
            return _playlist(song.name if song else "", [song] if song else [], None)
        described = await _get(f"{api}/{kind}s/{name}?fields=name", headers, "Spotify")
        inner = "items" if kind == "playlist" else "tracks"
        page = await _get(f"{api}/{kind}s/{name}/{inner}?limit={_PAGE}", headers, "Spotify")
        songs = [song for entry in page.get("items", ()) if (song := _spotify_song(entry))]
        return _playlist(described.get("name"), songs[:tracks_max], page.get("total"))

    async def _token(self) -> str:
        pair = f"{self._settings.spotify_client_id}:{self._settings.spotify_client_secret}".encode()
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"grant_type": "client_credentials"}).encode()
        url = self._settings.spotify_accounts_url.rstrip("/") + "/api/token"
        return str((await _ask("POST", url, headers, "Spotify", body))["access_token"])


class AppleMusicResolver:
    """Apple Music's catalog API with a developer token (https://developer.apple.com/documentation/applemusicapi)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reads(self, url: str) -> bool:
        return _parse_host(url) in (*_APPLE_HOSTS, "itunes.apple.com")

    def check(self, url: str) -> None:
        if urlsplit(url).path.startswith("/library/"):
            message = (
                "Only you can see this list of Apple Music's. Share it there, and paste the link that sharing gives."
            )
            raise FailedPrecondition(message, reason="PLAYLIST_PRIVATE")
        _match(_APPLE, url, "Apple Music")
        if not self._settings.apple_music_token:
            raise _needs("Apple Music", "RESONANCE_APPLE_MUSIC_TOKEN", "RESOLVER_NEEDS_CREDENTIALS")
        _check_search("Apple Music", self._settings)

    async def resolve(self, url: str, *, tracks_max: int) -> Playlist:
        self.check(url)
        storefront, kind, name = _match(_APPLE, url, "Apple Music").groups()
        headers = {"Authorization": f"Bearer {self._settings.apple_music_token}"}
        catalog = f"{self._settings.apple_music_api_url.rstrip('/')}/v1/catalog/{storefront.lower()}"
        # An album's link with `i=` shows one song of it.
        if song_id := name if kind.lower() == "song" else parse_qs(urlsplit(url).query).get("i", [""])[0]:
            found = await _get(f"{catalog}/songs/{quote(song_id, safe='')}", headers, "Apple Music")
            songs = _apple_songs(found)
            return _playlist(songs[0].name if songs else "", songs[:1], None)
        place = f"{catalog}/{kind.lower()}s/{name}"
        described = await _get(place, headers, "Apple Music")
        page = await _get(f"{place}/tracks?limit={_PAGE}", headers, "Apple Music")
        songs = _apple_songs(page)
        first: dict[str, Any] = next(iter(described.get("data", ())), {})
        total = (page.get("meta") or {}).get("total")
        return _playlist((first.get("attributes") or {}).get("name"), songs[:tracks_max], total)


def build_resolvers(settings: Settings) -> tuple[PlaylistResolver, ...]:
    """All resolvers. `check` of each says whether this server has its settings."""
    return SpotifyResolver(settings), AppleMusicResolver(settings)


def find_resolver(url: str, settings: Settings) -> PlaylistResolver | None:
    """The resolver of the link's site; None for other links, which yt-dlp reads."""
    return next((each for each in build_resolvers(settings) if each.reads(url)), None)


def uri_to_link(text: str) -> str:
    """The link for a URI that Spotify's app copies (`spotify:playlist:ID`); any other text as it is."""
    found = _SPOTIFY_URI.fullmatch(text)
    return f"https://open.spotify.com/{found[1]}/{found[2]}" if found else text


def _spotify_song(entry: Mapping[str, Any]) -> SearchedSong | None:
    """A playlist's entry holds its song below `item` (before 2026 `track`), an album's entry is the song. Podcasts have none."""
    found = entry.get("item") or entry.get("track") or entry
    if not isinstance(found, Mapping) or not _text(found.get("name")) or found.get("type") == "episode":
        return None
    artists = ", ".join(filter(None, (_text(artist.get("name")) for artist in found.get("artists") or ())))
    return SearchedSong(artist=artists, title=_text(found.get("name")), duration_s=_seconds(found.get("duration_ms")))


def _apple_songs(page: Mapping[str, Any]) -> list[SearchedSong]:
    return [
        SearchedSong(
            artist=_text(found.get("artistName")),
            title=_text(found.get("name")),
            duration_s=_seconds(found.get("durationInMillis")),
        )
        for entry in page.get("data", ())
        if (found := entry.get("attributes") or {}) and _text(found.get("name"))
    ]


def _seconds(milliseconds: Any) -> float:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else 0.0


def _playlist(title: Any, songs: list[SearchedSong], total: Any) -> Playlist:
    if not songs:
        raise FailedPrecondition(f"There are no songs behind this link. {_UPLOAD}", reason="NO_TRACKS")
    tracks = to_tracks((song.name, song.to_locator()) for song in songs)
    return Playlist(
        title=_text(title) or "Playlist", tracks=tracks, track_count=total if isinstance(total, int) else None
    )


def _needs(site: str, settings: str, reason: str) -> FailedPrecondition:
    message = (
        f"{site} tells its playlists only to programs with an account of their own, and this server has none: its operator can set "
        f"{settings}. {_UPLOAD}"
    )
    return FailedPrecondition(message, reason=reason)


def _check_search(site: str, settings: Settings) -> None:
    if not settings.search_for_tracks:
        message = (
            f"{site} gives titles and no sound, and this server may not look for the songs elsewhere: its operator can allow that "
            f"with RESONANCE_SEARCH_FOR_TRACKS. {_UPLOAD}"
        )
        raise FailedPrecondition(message, reason="SEARCH_NOT_ALLOWED")


def _match(pattern: re.Pattern[str], url: str, site: str) -> re.Match[str]:
    found = pattern.fullmatch(urlsplit(url.strip()).path)
    if found is None:
        message = f"This is no link to a playlist, an album or a song of {site}. {_UPLOAD}"
        raise FailedPrecondition(message, reason="NOT_A_PLAYLIST")
    return found


async def _get(url: str, headers: Mapping[str, str], site: str) -> dict[str, Any]:
    return await _ask("GET", url, headers, site)


async def _ask(
    method: str, url: str, headers: Mapping[str, str], site: str, body: bytes | None = None
) -> dict[str, Any]:
    """One call of a site's API. The address is the operator's, not a user's; redirects are not followed."""

    def ask() -> tuple[int, bytes, str]:
        timeout = urllib3.Timeout(connect=5.0, read=10.0)
        with urllib3.PoolManager(timeout=timeout, retries=False) as pool:
            answer = pool.request(method, url, headers=headers, body=body, preload_content=False, redirect=False)
            try:
                return answer.status, answer.read(_ANSWER_BYTES_MAX), answer.headers.get("Retry-After", "")
            finally:
                answer.release_conn()

    try:
        status, data, retry_after = await asyncio.to_thread(ask)
    except urllib3.exceptions.TimeoutError:
        raise DeadlineExceeded(f"{site} took too long. Try again later. {_UPLOAD}", reason="SITE_TIMEOUT") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise FailedPrecondition(f"{site} cannot be reached. {_UPLOAD}", reason="SITE_UNREACHABLE") from None
    if status != 200:
        raise _refusal(status, site, retry_after)
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FailedPrecondition(f"{site} answered something that cannot be read. {_UPLOAD}", reason="SITE_FAILED")
    return found


def _refusal(status: int, site: str, retry_after: str) -> ResonanceError:
    if status in (400, 401):
        return FailedPrecondition(f"{site} does not accept this server's account. {_UPLOAD}", reason="RESOLVER_REFUSED")
    if status in (403, 404):
        message = (
            f"{site} does not show this playlist to this server: it may be private, gone, or {site}'s own. {_UPLOAD}"
        )
        return FailedPrecondition(message, reason="PLAYLIST_NOT_SHOWN")
    if status == 429:
        wait = f" for {retry_after} s" if retry_after.isdigit() else ""
        return FailedPrecondition(f"{site} refuses more questions{wait}. {_UPLOAD}", reason="SITE_REFUSED")
    return FailedPrecondition(f"{site} answered {status}. Try again later. {_UPLOAD}", reason="SITE_FAILED")


def _parse_host(url: str) -> str:
    try:
        return (urlsplit(url.strip()).hostname or "").rstrip(".").removeprefix("www.")
    except ValueError:
        return ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
