"""Hostile links and playlists never reach a local canary server.

Thousands of spellings are tried.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import robust
from support.site import Site, serve_site

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError
from resonance.settings import Settings
from resonance_ingest.sources.url_policy import check_url

SEED = int(os.environ.get("SEED", "1"))
OPEN_TO_ALL = Settings(allow_generic_sources=True)
LISTED_ONLY = Settings()


@pytest.fixture
def canary() -> Iterator[Site]:
    """A server on this machine that no download may reach."""
    with serve_site() as site:
        site.add("/canary", b"secret", "audio/mpeg")
        site.add("/", b"secret", "text/html")
        yield site


def spelled(chooser: random.Random, port: str) -> str:
    """An address of this machine or its neighbourhood in one of the ways that fool a careless check."""
    octets = chooser.choice(
        ["127.0.0.1", "127.1.2.3", "10.0.0.1", "192.168.1.1", "172.16.5.4", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
    )
    numbers = [int(part) for part in octets.split(".")]
    value = sum(part << shift for part, shift in zip(numbers, (24, 16, 8, 0), strict=True))
    host = chooser.choice(
        [
            octets,
            str(value),
            hex(value),
            oct(value).replace("0o", "0"),
            ".".join(hex(part) for part in numbers),
            ".".join(f"{part:04o}" for part in numbers),
            f"{numbers[0]}.{value & 0xFFFFFF}",
            f"[::ffff:{octets}]",
            f"[::ffff:{value >> 16:x}:{value & 0xFFFF:x}]",
            f"[64:ff9b::{value >> 16:x}:{value & 0xFFFF:x}]",
            f"[2002:{value >> 16:x}:{value & 0xFFFF:x}::]",
            "[::1]",
            "[::]",
            "[fe80::1%25eth0]",
            "localhost",
            "localhost.",
            "LOCALHOST",
            octets + ".",
            "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in octets),
        ]
    )
    scheme = chooser.choice(
        ["http", "https", "HTTP", "ftp", "file", "gopher", "data", "rtmp", "rtsp", "jar:http", "hls+http"]
    )
    user = chooser.choice(["", "", "", "user@", "user:pass@", "youtube.com@", "youtube.com%40"])
    path = chooser.choice(
        ["/canary", "/", "/canary?v=aaaaaaaaaaa", "/canary#youtube.com", "/latest/meta-data/", "//youtube.com/"]
    )
    at = chooser.choice([f":{port}", "", ":80", ":0", ":99999", ":x"])
    sneaky = chooser.choice(["", "", "", " ", "\t", "\n", "\\", "\x00", "\u202e"])
    return f"{scheme}://{user}{host}{at}{sneaky}{path}"


def wrapped(chooser: random.Random, url: str) -> str:
    """The link in the disguise of a listed site, or plain."""
    return chooser.choice(
        [
            url,
            url,
            url.replace("://", "://youtube.com.", 1),
            url.replace("://", "://www.youtube.com\\@", 1),
            f"https://youtube.com.evil.example/?u={url}",
            f"https://evil.example/youtube.com/{url}",
            f"https://notyoutube.com/watch?v=aaaaaaaaaaa&u={url}",
        ]
    )


def refused_at_the_door(url: str, settings: Settings) -> bool:
    try:
        check_url(url, settings)
    except InvalidInput as refusal:
        assert refusal.violations[0].field == "url"
        return True
    return False


async def try_links(count: int, canary: Site, folder: Path, *, children: int) -> None:
    """Checks all links; of accepted ones (names are checked where they are used) some run in the real child."""
    print(f"SEED={SEED}")
    chooser, port, passed = random.Random(SEED), canary.url.rpartition(":")[2], []
    for _ in range(count):
        url = wrapped(chooser, spelled(chooser, port))
        started_s = time.monotonic()
        assert refused_at_the_door(url, LISTED_ONLY), f"SEED={SEED} {url!r}"
        if not refused_at_the_door(url, OPEN_TO_ALL):
            passed.append(url)
        assert time.monotonic() - started_s < 10.0, url
    for url in chooser.sample(passed, min(children, len(passed))):
        await ask_for_real(url, folder)
    # A link that passes the first check is refused at the connection.
    for host in ("localhost", "127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"):
        await ask_for_real(f"http://{host}:{port}/canary", folder)
    assert canary.asked == [], f"SEED={SEED}"


async def ask_for_real(url: str, folder: Path) -> None:
    import json

    request = {
        "do": "list", "url": url, "is_playlist": True, "is_youtube": False, "tracks_max": 20, "track_bytes_max": 10**6,
        "track_duration_s_max": 600, "allow_private": False, "proxy": "", "rate_bytes_max": 0,
    }  # fmt: skip
    started_s = time.monotonic()
    result = await run_child(
        "resonance_ingest.sources.links_worker", [json.dumps(request)], folder=folder, timeout_s=9.0
    )
    assert time.monotonic() - started_s < 10.0, url
    if result.lines:
        answer = json.loads(result.lines[-1])
        assert "reason" in answer or not answer["tracks"], (url, answer)


@pytest.mark.slow
async def test_a_sample_of_hostile_links_reaches_nothing(canary: Site, tmp_path: Path) -> None:
    await try_links(2000, canary, tmp_path, children=2)


@robust
@pytest.mark.timeout(3600)
async def test_thousands_of_hostile_links_reach_nothing(canary: Site, tmp_path: Path) -> None:
    await try_links(20_000, canary, tmp_path, children=60)


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "concat": "file '{target}'\n",
    "m3u": "#EXTM3U\n#EXTINF:10,x\n{target}\n",
    "m3u8": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
    "m3u8 key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n',
    "pls": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "xspf": '<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"><trackList><track><location>{target}</location></track></trackList></playlist>',
    "mpd": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet mimeType="audio/mp4">'
        '<Representation id="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    ),
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{target}\n",
    "asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "svg": '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "{target}">]><svg>&x;</svg>',
    "cue": 'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "smil": '<smil><body><audio src="{target}"/></body></smil>',
    "image2": "{target}",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["song.mp3", "song.m3u8"])
async def test_playlists_of_every_kind_read_neither_siblings_nor_addresses(
    kind: str, name: str, canary: Site, tmp_path: Path
) -> None:
    sibling = tmp_path / "secret.wav"
    sibling.write_bytes(b"RIFF" + b"secret" * 100)
    limits = DecodeLimits(duration_s_max=30.0, decoded_bytes_max=2**20, decode_s_max=8.0)
    for target in (
        f"file://{sibling}",
        str(sibling),
        "secret.wav",
        f"{canary.url}/canary",
        f"http:{canary.url[5:]}/canary",
    ):
        source = tmp_path / name
        source.write_text(PLAYLISTS[kind].format(target=target))
        os.utime(sibling, (1, 1))
        with pytest.raises((InvalidInput, DeadlineExceeded)) as refused:
            await decode_file(source, tmp_path / "out", sample_rate_hz=16_000, limits=limits)
        assert isinstance(refused.value, ResonanceError)
        assert refused.value.reason in ("NOT_AUDIO", "DAMAGED"), refused.value
    await asyncio.sleep(0)
    assert canary.asked == []
    assert sorted(os.listdir(tmp_path)) == ["secret.wav", name] or sorted(os.listdir(tmp_path)) == [name, "secret.wav"]
    assert sibling.stat().st_atime == 1, "the sibling was not read"
