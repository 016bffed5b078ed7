"""Links: playlist or track, and refusals before a download."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance_ingest.sources.links import parse_link
from resonance_ingest.sources.site_errors import explain_site_error
from resonance_ingest.sources.url_policy import check_url, is_public

ANYTHING = Settings(allow_generic_sources=True)


@pytest.mark.parametrize(
    ("url", "is_playlist"),
    [
        ("https://www.youtube.com/watch?v=abc", False),
        ("https://www.youtube.com/watch?v=abc&list=PL1", True),
        ("https://www.youtube.com/playlist?list=PL1", True),
        ("https://m.youtube.com/watch?v=abc", False),
        ("https://youtu.be/abc", False),
        ("https://youtu.be/abc?si=xyz", False),
        ("https://youtu.be/abc?list=PL1", True),
        ("https://music.youtube.com/watch?v=abc", False),
        ("https://music.youtube.com/watch?v=abc&list=RDAMVM", True),
        ("https://music.youtube.com/playlist?list=OLAK", True),
        ("https://www.youtube.com/shorts/abc", False),
        ("https://www.youtube.com/@artist/videos", True),
    ],
)
def test_host_and_query_decide_between_a_playlist_and_a_single_track(url: str, is_playlist: bool) -> None:
    check_url(url, Settings())
    link = parse_link(url)
    assert (link.is_youtube, link.is_playlist) == (True, is_playlist)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "SCHEME_NOT_ALLOWED"),
        ("ftp://youtube.com/x", "SCHEME_NOT_ALLOWED"),
        ("javascript:alert(1)", "SCHEME_NOT_ALLOWED"),
        ("//youtube.com/x", "SCHEME_NOT_ALLOWED"),
        ("youtube.com/watch?v=abc", "SCHEME_NOT_ALLOWED"),
        ("ytsearch:songs", "SCHEME_NOT_ALLOWED"),
        ("https://user:secret@youtube.com/x", "CREDENTIALS_IN_URL"),
        ("https://youtube.com@evil.example/x", "CREDENTIALS_IN_URL"),
        ("https:///x", "MALFORMED_URL"),
        ("https://youtube.com:port/x", "MALFORMED_URL"),
        ("https://[::1/x", "MALFORMED_URL"),
        ("https://youtube.com\\@evil.example/", "MALFORMED_URL"),
        ("https://you tube.com/", "MALFORMED_URL"),
        ("https://example.com/x", "HOST_NOT_ALLOWED"),
        ("https://youtube.com.evil.example/x", "HOST_NOT_ALLOWED"),
        ("https://notyoutube.com/x", "HOST_NOT_ALLOWED"),
        ("https://localhost/x", "HOST_NOT_ALLOWED"),
    ],
)
def test_links_that_lead_elsewhere_are_refused_by_name(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url(url, Settings())
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("url", reason)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "2130706433",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "127.0.0.1.",
    ],
)
def test_private_addresses_are_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url(f"http://{host}/song.mp3", ANYTHING)
    assert caught.value.violations[0].reason == "PRIVATE_ADDRESS"


def test_a_private_address_passes_where_the_operator_allows_it() -> None:
    check_url("http://127.0.0.1:8080/x", Settings(allow_generic_sources=True, allow_private_addresses=True))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("fe80::1%eth0", False), ("name", False)],
)
def test_public_addresses_are_distinguished(address: str, expected: bool) -> None:
    assert is_public(address) is expected


_GUARDED = """
import socket, subprocess, sys
from resonance_ingest.sources import url_policy
url_policy.guard_process(allow_private=sys.argv[1] == "private")
try:
    {attempt}
except (url_policy.AddressRefused, PermissionError) as refusal:
    print("refused:", refusal)
"""


def guarded(attempt: str, mode: str = "public") -> str:
    code = _GUARDED.format(attempt=attempt)
    done = subprocess.run([sys.executable, "-c", code, mode], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_a_guarded_process_cannot_connect_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for attempt in (
            f"socket.create_connection(('127.0.0.1', {port}))",
            f"socket.create_connection(('localhost', {port}))",
            f"socket.socket().connect_ex(('127.0.0.1', {port}))",
            f"__import__('urllib.request').request.urlopen('http://127.0.0.1:{port}/')",
        ):
            output = guarded(f"try:\n        {attempt}\n    except OSError as failure:\n        print(failure)")
            assert "is not a public address" in output, attempt
        assert guarded(f"print(socket.create_connection(('127.0.0.1', {port})).getpeername())", "private")


def test_a_guarded_process_starts_no_other_program() -> None:
    for attempt in (
        "subprocess.run(['true'])",
        "__import__('os').system('true')",
        "__import__('os').execv('/bin/true', ['x'])",
    ):
        assert guarded(attempt).startswith("refused:"), attempt


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        ("[youtube] x: Sign in to confirm you’re not a bot.", "SITE_REFUSED"),
        ("HTTP Error 429: Too Many Requests", "SITE_REFUSED"),
        ("[youtube] x: Private video. Sign in if you've been granted access", "TRACK_PRIVATE"),
        ("[youtube] x: Sign in to confirm your age", "AGE_LIMITED"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "TRACK_GONE"),
        ("[youtube] x: This live event will begin in 3 hours.", "LIVE_STREAM"),
        ("The uploader has not made this video available in your country", "NOT_IN_THIS_COUNTRY"),
        ("Failed to resolve 'x.example' ([Errno -2] Name or service not known)", "UNKNOWN_HOST"),
        ("<urlopen error 127.0.0.1 is not a public address>", "PRIVATE_ADDRESS"),
        ("[youtube] x: Unable to download API page: HTTP Error 503: Service Unavailable", "SITE_FAILED"),
        ("HTTP Error 500: Internal Server Error", "SITE_FAILED"),
        ("Unable to connect to proxy: Tunnel connection failed: 407 Proxy Authentication Required", "PROXY_REFUSED"),
        (
            "Video unavailable. This video contains content from SME, who has blocked it on copyright grounds",
            "TRACK_BLOCKED",
        ),
        ("This video is no longer available due to a copyright claim by X", "TRACK_BLOCKED"),
        ("who has blocked it in your country on copyright grounds", "NOT_IN_THIS_COUNTRY"),
        ("[youtube] x: This video is DRM protected", "COPY_PROTECTED"),
        ("[youtube] x: This live stream recording is not available.", "RECORDING_NOT_READY"),
        (
            "[youtube:truncated_id] dQw4: Incomplete YouTube ID dQw4. URL https://youtu.be/dQw4 looks truncated.",
            "LINK_CUT",
        ),
        ("[youtube:tab] @x: This channel does not have a shorts tab", "NO_TRACKS"),
        ("YouTube said: This playlist type is unviewable.", "PLAYLIST_PRIVATE"),
        ("[youtube] x: Join this channel to get access to members-only content", "TRACK_PAID"),
        ("This video is only available to Music Premium members", "TRACK_PAID"),
        ("[youtube] x: Video unavailable. The uploader has closed their YouTube account", "TRACK_GONE"),
        ("Requested format is not available. Use --list-formats for a list of available formats", "NO_FORMAT"),
        ("[site] This video is only available for registered users", "LOGIN_REQUIRED"),
        ("something that nobody has seen before", "SITE_FAILED"),
    ],
)
def test_a_message_of_yt_dlp_becomes_a_reason_and_a_sentence(complaint: str, reason: str) -> None:
    found, sentence = explain_site_error(complaint)
    assert found == reason
    assert sentence.endswith(".")


_NO_FORMAT = "[youtube] x: Requested format is not available. Use --list-formats for a list of available formats"


@pytest.mark.parametrize(
    ("warning", "reason"),
    [
        ("No supported JavaScript runtime could be found. Only deno is enabled by default", "NO_JAVASCRIPT"),
        ("[youtube] x: n challenge solving failed: Some formats may be missing.", "NO_JAVASCRIPT"),
        ("Some web client https formats have been skipped as they are DRM protected.", "COPY_PROTECTED"),
        ("web client https formats require a GVS PO Token which was not provided", "SITE_REFUSED"),
    ],
)
def test_where_the_site_gives_no_sound_the_warnings_before_tell_the_cause(warning: str, reason: str) -> None:
    found, sentence = explain_site_error(_NO_FORMAT, [warning])
    assert found == reason
    assert sentence.endswith(".")


def test_an_unknown_refusal_is_told_in_the_site_s_own_words() -> None:
    complaint = "ERROR: [youtube] dQw4w9WgXcQ: The moon is in the wrong house; please report this issue on  https://x"
    assert "“The moon is in the wrong house”" in explain_site_error(complaint)[1]


def test_where_no_interface_of_youtube_answers_the_warnings_tell_the_cause() -> None:
    warning = (
        "[youtube] x: Unable to download API page: HTTP Error 503: Service Unavailable (caused by <HTTPError 503>)"
    )
    assert explain_site_error("[youtube] x: Failed to extract any player response", [warning])[0] == "SITE_FAILED"
    assert explain_site_error("[youtube] x: Failed to extract any player response", [])[0] == "SITE_REFUSED"
