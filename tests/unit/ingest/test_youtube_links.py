"""YouTube links: every pasted form as one address; songs that a search may take."""

from __future__ import annotations

import pytest

from resonance.errors import FailedPrecondition, InvalidInput
from resonance.settings import Settings
from resonance_ingest.sources.links import check_link, clean_link, parse_link
from resonance_ingest.sources.playlists import find_resolver
from resonance_ingest.sources.searched_song import SearchedSong
from resonance_ingest.sources.youtube_links import youtube_id

VIDEO = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
_VIDEO_FORMS = """
https://www.youtube.com/watch?v=dQw4w9WgXcQ
http://youtube.com/watch?v=dQw4w9WgXcQ
https://m.youtube.com/watch?v=dQw4w9WgXcQ&t=42s
https://music.youtube.com/watch?v=dQw4w9WgXcQ&si=abc
https://gaming.youtube.com/watch?v=dQw4w9WgXcQ
https://www.youtube.com/watch?app=desktop&feature=youtu.be&v=dQw4w9WgXcQ
https://www.youtube.com/watch?v=dQw4w9WgXcQ?si=abc
https://www.youtube.com/watch?feature=share&amp;v=dQw4w9WgXcQ
https://www.youtube.com/watch/dQw4w9WgXcQ
https://www.youtube.com//watch?v=dQw4w9WgXcQ
https://www.youtube.com/#/watch?v=dQw4w9WgXcQ
https://www.youtube.com/watch#!v=dQw4w9WgXcQ
https://www.youtube.com/watch?v=dQw4w9WgXcQ#t=1m
https://youtu.be/dQw4w9WgXcQ
https://youtu.be/dQw4w9WgXcQ/
https://youtu.be/dQw4w9WgXcQ?si=UkRz0Zg&t=3
https://www.youtu.be/dQw4w9WgXcQ
https://youtu.be/watch?v=dQw4w9WgXcQ
https://www.youtube.com/shorts/dQw4w9WgXcQ?feature=share
https://www.youtube.com/live/dQw4w9WgXcQ?si=abc
https://www.youtube.com/embed/dQw4w9WgXcQ?autoplay=1
https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ
https://www.youtube.com/v/dQw4w9WgXcQ
https://www.youtube.com/e/dQw4w9WgXcQ
https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3DdQw4w9WgXcQ%26feature%3Dshare
https://www.youtube.com/oembed?url=https%3A//youtu.be/dQw4w9WgXcQ&format=json
https://consent.youtube.com/m?continue=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3DdQw4w9WgXcQ&gl=DE
https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=WL&index=4
https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=LL
HTTPS://WWW.YOUTUBE.COM/watch?v=dQw4w9WgXcQ
https://www.youtube.com:443/watch?v=dQw4w9WgXcQ
https://youtube.com./watch?v=dQw4w9WgXcQ
youtube.com/watch?v=dQw4w9WgXcQ
youtu.be/dQw4w9WgXcQ
"""
VIDEO_FORMS = _VIDEO_FORMS.split()


@pytest.mark.parametrize("form", [*VIDEO_FORMS, f"  {VIDEO}\n", f"<{VIDEO}>", f"“{VIDEO}”", f"\u200b{VIDEO}\ufeff"])
def test_every_form_of_a_video_s_link_is_the_same_video(form: str) -> None:
    url = clean_link(form)
    check_link(url, Settings())
    link = parse_link(form)
    assert (link.url, link.is_playlist, link.is_youtube) == (VIDEO, False, True)
    assert youtube_id(link.url) == "dQw4w9WgXcQ"


LIST = "https://www.youtube.com/playlist?list=PLx"


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        (LIST, LIST),
        ("https://music.youtube.com/playlist?list=PLx&si=s", LIST),
        ("https://www.youtube.com/embed/videoseries?list=PLx", LIST),
        ("https://www.youtube.com/watch?list=PLx", LIST),
        ("https://youtu.be/dQw4w9WgXcQ?list=PLx", f"{VIDEO}&list=PLx"),
        (f"{VIDEO}&list=RDdQw4w9WgXcQ&start_radio=1", f"{VIDEO}&list=RDdQw4w9WgXcQ"),
        ("https://www.youtube.com/playlist?list=RDdQw4w9WgXcQ", f"{VIDEO}&list=RDdQw4w9WgXcQ"),
        ("https://www.youtube.com/@SomeBand", "https://www.youtube.com/@SomeBand/videos"),
        ("https://m.youtube.com/@SomeBand/featured?si=x", "https://www.youtube.com/@SomeBand/videos"),
        ("https://www.youtube.com/channel/UCabc/about", "https://www.youtube.com/channel/UCabc/videos"),
        ("https://www.youtube.com/c/SomeBand/", "https://www.youtube.com/c/SomeBand/videos"),
        ("https://www.youtube.com/user/band/shorts", "https://www.youtube.com/user/band/shorts"),
        ("https://music.youtube.com/channel/UCabc", "https://www.youtube.com/channel/UCabc/videos"),
    ],
)
def test_lists_and_channels_are_asked_for_at_one_address(form: str, asked: str) -> None:
    link = parse_link(form)
    assert (link.url, link.is_playlist) == (asked, True)


@pytest.mark.parametrize("list_id", ["PLx", "OLAK5uy_x", "RDdQw4w9WgXcQ", "RDAMVMdQw4w9WgXcQ", "RDMM"])
def test_a_video_in_a_list_says_how_to_get_the_one(list_id: str) -> None:
    notice = parse_link(f"{VIDEO}&list={list_id}").notice
    assert notice.endswith("https://youtu.be/dQw4w9WgXcQ")
    assert ("radio" in notice) == list_id.startswith("RD")
    assert parse_link(VIDEO).notice == parse_link(LIST).notice == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://youtu.be/dQw4w9W", "LINK_CUT"),
        ("https://www.youtube.com/watch?v=dQw4", "LINK_CUT"),
        ("https://www.youtube.com/playlist?list=WL", "PLAYLIST_PRIVATE"),
        ("https://music.youtube.com/playlist?list=LM", "PLAYLIST_PRIVATE"),
        ("https://www.youtube.com/", "NO_AUDIO_THERE"),
        ("https://www.youtube.com/feed/subscriptions", "NO_AUDIO_THERE"),
        ("https://www.youtube.com/watch", "NO_AUDIO_THERE"),
        ("https://www.youtube.com/redirect?q=https%3A%2F%2Fexample.com", "NO_AUDIO_THERE"),
    ],
)
def test_links_that_name_no_music_are_refused_at_the_door(url: str, reason: str) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        check_link(url, Settings())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text", ["ytsearch:songs", "javascript:alert(1)", "file:///etc/passwd", "//youtube.com/x", "songs"]
)
def test_what_is_no_link_stays_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_link(clean_link(text), Settings())


@pytest.mark.parametrize(
    "url",
    [
        "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M?si=x",
        "https://open.spotify.com/user/spotify/playlist/37i9dQZF1DXcBWIGoYBM5M",
        "https://open.spotify.com/embed/album/37i9dQZF1DXcBWIGoYBM5M",
        "https://open.spotify.com/intl-pt-BR/track/37i9dQZF1DXcBWIGoYBM5M",
        "spotify:playlist:37i9dQZF1DXcBWIGoYBM5M",
        "https://geo.music.apple.com/us/album/evening/1440841730?i=1440841731",
        "https://embed.music.apple.com/de/playlist/abend/pl.f4d106fed2bd41149aaacabb233eb5eb",
        "https://classical.music.apple.com/us/album/1440841730",
        "https://music.apple.com/us/song/two/1440841731",
    ],
)
def test_forms_of_other_sites_are_read_with_an_account(url: str) -> None:
    settings = Settings(
        spotify_client_id="id", spotify_client_secret="secret", apple_music_token="token", search_for_tracks=True
    )
    check_link(clean_link(url), settings)
    assert find_resolver(clean_link(url), settings) is not None


SONG = SearchedSong(artist="Some Band", title="Two Hearts - Remastered 2009", duration_s=200.0)


@pytest.mark.parametrize(
    ("title", "channel", "duration_s", "fits"),
    [
        ("Some Band - Two Hearts (Official Video)", "Some Band", 204, True),
        ("Two Hearts", "Some Band - Topic", 199, True),
        ("some band: TWO HEARTS [HD]", "uploads", None, True),
        ("Some Band - Two Hearts", "Some Band", 3600, False),
        ("Some Band - Two Hearts (Live in Rome)", "Some Band", 204, False),
        ("Two Hearts - karaoke", "Some Band", 200, False),
        ("Some Band - Another One", "Some Band", 200, False),
        ("Two Hearts", "Other People", 200, False),
        ("Some Band", "Some Band", 200, False),
    ],
)
def test_a_search_takes_the_song_itself(title: str, channel: str, duration_s: float | None, fits: bool) -> None:
    video = {"title": title, "channel": channel, "duration": duration_s}
    assert (SONG.choose([video]) is video) == fits


def test_a_song_goes_through_a_locator() -> None:
    assert SearchedSong.parse(SONG.to_locator()) == SONG
    assert SearchedSong.parse(VIDEO) is None
