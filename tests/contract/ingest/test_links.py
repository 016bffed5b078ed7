"""Links through yt-dlp: feed, page, file, refusing sites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from support import one_now_all_later, sounds
from support.site import Site, serve_site

from resonance.rpc import to_domain_error
from resonance.v1 import jobs_pb2

STATE = jobs_pb2.JobState


@pytest.fixture
def site() -> Iterator[Site]:
    with serve_site() as serving:
        yield serving


@pytest.fixture
async def generic(open_system) -> AsyncIterator:
    """An ingest whose operator allows any site, and addresses of this machine."""
    async with open_system(allow_generic_sources=True, allow_private_addresses=True) as system:
        yield system
        await system.tidied_up()


async def test_a_direct_file_is_a_playlist_of_one(generic, site: Site, tmp_path: Path) -> None:
    url = site.add("/evening.mp3", sounds.sound_bytes("mp3", tmp_path))
    job = await generic.done(await generic.submit(url))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert (job.title, job.source_url, [track.title for track in job.tracks]) == ("evening", url, ["evening"])
    assert job.tracks[0].duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.slow
async def test_a_feed_is_a_playlist_with_its_titles(generic, site: Site, tmp_path: Path) -> None:
    site.add("/1.mp3", sounds.sound_bytes("mp3", tmp_path, pitch_hz=300))
    site.add("/2.mp3", sounds.sound_bytes("mp3", tmp_path, pitch_hz=400))
    url = site.feed("/feed.xml", {"First song": "/1.mp3", "Second song": "/2.mp3", "Lost song": "/3.mp3"})
    job = await generic.done(await generic.submit(url))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert job.title == "The feed"
    assert [track.title for track in job.tracks] == ["First song", "Second song", "Lost song"]
    assert [track.error.reason for track in job.tracks] == ["", "", "TRACK_GONE"]


@pytest.mark.slow
async def test_a_page_with_several_players_is_a_playlist(generic, site: Site, tmp_path: Path) -> None:
    for number in (1, 2):
        site.add(f"/{number}.mp3", sounds.sound_bytes("mp3", tmp_path, pitch_hz=300 * number))
    job = await generic.done(await generic.submit(site.player_page("/songs.html", ["/1.mp3", "/2.mp3"])))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert len(job.tracks) == 2


@pytest.mark.slow
async def test_of_a_long_list_the_first_tracks_are_taken(open_system, site: Site, tmp_path: Path) -> None:
    site.add("/1.mp3", sounds.sound_bytes("mp3", tmp_path))
    url = site.feed("/feed.xml", {f"Song {number}": f"/1.mp3?{number}" for number in range(30)})
    async with open_system(allow_generic_sources=True, allow_private_addresses=True, tracks_max=2) as system:
        job = await system.done(await system.submit(url))
    assert [track.title for track in job.tracks] == ["Song 0", "Song 1"]


@pytest.mark.parametrize(
    ("path", "reason"),
    one_now_all_later([("/gone", "TRACK_GONE"), ("/forbidden", "SITE_REFUSED"), ("/page", "NO_AUDIO_THERE")]),
)
async def test_a_refusal_of_a_site_becomes_a_sentence(generic, site: Site, path: str, reason: str) -> None:
    site.statuses["/forbidden"] = 403
    site.add("/page", b"<html><body>nothing to hear</body></html>", "text/html")
    job = await generic.done(await generic.submit(site.url + path))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, reason), job
    assert job.error.message.endswith(".")


@pytest.mark.slow
async def test_a_refused_connection_becomes_a_sentence(generic) -> None:
    job = await generic.done(await generic.submit("http://127.0.0.1:9/song.mp3"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "SITE_UNREACHABLE")


@pytest.mark.slow
async def test_an_unknown_host_becomes_a_sentence(generic) -> None:
    job = await generic.done(await generic.submit("http://no-such-host.invalid/song.mp3"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "UNKNOWN_HOST")


@pytest.mark.slow
@pytest.mark.parametrize("says_its_size", [True, False])
async def test_a_file_that_is_too_large_is_not_fetched_to_its_end(
    open_system, site: Site, tmp_path: Path, says_its_size: bool
) -> None:
    url = site.add("/song.wav", sounds.sound_bytes("wav", tmp_path, duration_s=20.0), "audio/x-wav")
    if not says_its_size:
        site.dripping.add("/song.wav")
    async with open_system(allow_generic_sources=True, allow_private_addresses=True, track_bytes_max=400_000) as system:
        job = await system.done(await system.submit(url))
        assert job.error.reason == "TOO_LARGE", job
        await system.tidied_up()


async def test_a_name_that_resolves_to_this_machine_is_never_connected_to(open_system, site: Site) -> None:
    port = site.url.rpartition(":")[2]
    site.add("/song.mp3", b"secret")
    async with open_system(allow_generic_sources=True) as system:
        job = await system.done(await system.submit(f"http://localhost:{port}/song.mp3"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "PRIVATE_ADDRESS")
    assert site.asked == []


@pytest.mark.slow
async def test_a_manifest_cannot_reach_files_of_this_machine(generic, site: Site, tmp_path: Path) -> None:
    secret = sounds.write_sound(tmp_path / "secret.wav")
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    url = site.add("/song.m3u8", text.encode(), "application/vnd.apple.mpegurl")
    job = await generic.done(await generic.submit(url))
    assert job.state == STATE.JOB_STATE_FAILED


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "SCHEME_NOT_ALLOWED"),
        ("http://169.254.169.254/latest", "PRIVATE_ADDRESS"),
        ("https://example.com/song.mp3", "HOST_NOT_ALLOWED"),
        ("", "REQUIRED"),
        ("https://youtube.com/" + "x" * 2048, "TOO_LONG"),
    ],
)
async def test_a_link_that_is_not_allowed_is_refused_by_the_rpc(system, url: str, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await system.submit(url)
    error = to_domain_error(caught.value)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert [(fault.field, fault.reason) for fault in error.violations] == [("url", reason)]
    assert [key async for key in system.store.keys("")] == []
