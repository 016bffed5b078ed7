"""YouTube through yt-dlp's extractor: link forms and refusals."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support import one_now_all_later, sounds

from resonance.v1 import ingest_pb2, jobs_pb2, steering_pb2

STATE = jobs_pb2.JobState
SITE = {
    "videos": {
        "aaaaaaaaaaa": {"title": "Song A"},
        "bbbbbbbbbbb": {"title": "Song B ♫ \ud800"},
        "ppppppppppp": {"status": "LOGIN_REQUIRED", "reason": "Private video"},
        "ggggggggggg": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age"},
        "nnnnnnnnnnn": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"},
        "ttttttttttt": {"http_status": 429},
        "lllllllllll": {"title": "Radio", "is_live": True},
        "ooooooooooo": {"title": "Opera", "duration_s": 7200},
        "uuuuuuuuuuu": {"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 3 hours."},
        "kkkkkkkkkkk": {"status": "UNPLAYABLE", "reason": "Video unavailable. SME has blocked it on copyright grounds"},
        "ddddddddddd": {"title": "Locked", "is_locked": True},
        "fffffffffff": {"http_status": 503},
    },
    "channels": {
        "@SomeBand": {
            "title": "SomeBand",
            "tabs": {
                "videos": {f"vide{number:07d}": f"Song {number}" for number in range(22)},
                "streams": {"stre0000000": "An evening live"},
                "shorts": {"shor0000000": "A short"},
            },
        },
        "@Shorts": {"title": "Shorts", "tabs": {"featured": {}, "shorts": {"aaaaaaaaaaa": "Song A"}}},
        "@Albums": {
            "title": "Albums",
            "tabs": {"videos": {}, "playlists": {"PLevening0123456789": "Evening", "PLmorning0123456789": "Morning"}},
        },
    },
    "playlists": {
        "PLevening0123456789": {
            "title": "Evening",
            "videos": {"aaaaaaaaaaa": "Song A", "ppppppppppp": "[Private video]", "bbbbbbbbbbb": "Song B"},
        }
    },
}


@pytest.fixture
def youtube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces the network of the downloader child by a recorded YouTube."""
    folder = tmp_path / "youtube"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[2] / "support" / "youtube" / "sitecustomize.py", folder)
    (folder / "site.json").write_text(json.dumps(SITE))
    sounds.write_sound(folder / "song.m4a")
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), before])))
    return folder


@pytest.mark.parametrize(
    "url",
    one_now_all_later(
        [
            "https://www.youtube.com/watch?v=aaaaaaaaaaa",
            "https://youtu.be/aaaaaaaaaaa?si=share",
            "https://music.youtube.com/watch?v=aaaaaaaaaaa",
            "https://m.youtube.com/watch?v=aaaaaaaaaaa&t=10",
            "https://www.youtube.com/shorts/aaaaaaaaaaa",
            "  <HTTPS://www.YouTube.com:443/live/aaaaaaaaaaa?feature=share>\n",
            "www.youtube-nocookie.com/embed/aaaaaaaaaaa?start=3",
        ]
    ),
)
async def test_every_form_of_a_video_s_link_is_one_track(system, youtube: Path, url: str) -> None:
    job = await system.done(await system.submit(url))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert [track.title for track in job.tracks] == ["Song A"]


@pytest.mark.parametrize(
    "url",
    one_now_all_later(
        [
            "https://www.youtube.com/playlist?list=PLevening0123456789",
            "https://music.youtube.com/playlist?list=PLevening0123456789",
            "https://www.youtube.com/watch?v=aaaaaaaaaaa&list=PLevening0123456789",
            "https://youtu.be/aaaaaaaaaaa?list=PLevening0123456789",
        ]
    ),
)
async def test_every_form_of_a_playlist_s_link_is_all_its_tracks(system, youtube: Path, url: str) -> None:
    job = await system.done(await system.submit(url))
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert job.title == "Evening"
    assert [track.title for track in job.tracks] == ["Song A", "[Private video]", "Song B"]
    assert [track.error.reason for track in job.tracks] == ["", "TRACK_PRIVATE", ""]


@pytest.mark.parametrize(
    ("video_id", "reason"),
    one_now_all_later(
        [
            ("ppppppppppp", "TRACK_PRIVATE"),
            ("rrrrrrrrrrr", "TRACK_GONE"),
            ("ggggggggggg", "AGE_LIMITED"),
            ("nnnnnnnnnnn", "SITE_REFUSED"),
            ("ttttttttttt", "SITE_REFUSED"),
            ("lllllllllll", "LIVE_STREAM"),
            ("uuuuuuuuuuu", "LIVE_STREAM"),
            ("ooooooooooo", "TOO_LONG"),
            ("kkkkkkkkkkk", "TRACK_BLOCKED"),
            ("fffffffffff", "SITE_FAILED"),
            ("ddddddddddd", "NO_JAVASCRIPT"),
        ]
    ),
)
async def test_every_refusal_of_youtube_becomes_a_sentence(system, youtube: Path, video_id: str, reason: str) -> None:
    job = await system.done(await system.submit(f"https://youtu.be/{video_id}"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, reason), job
    assert job.error.message.endswith(".")
    asked = (youtube / "asked").read_text()
    assert "googlevideo" not in asked, "nothing is downloaded that cannot be used"


@pytest.mark.slow
async def test_a_missing_playlist_becomes_a_sentence(system, youtube: Path) -> None:
    job = await system.done(await system.submit("https://www.youtube.com/playlist?list=PLnone"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "TRACK_GONE"), job


async def test_a_channel_is_its_first_videos_and_never_its_tabs(open_system, youtube: Path) -> None:
    async with open_system(tracks_max=20) as system:
        found = await system.submit("https://www.youtube.com/@SomeBand?si=share")
        await until_listed(system, found.job_id)
        job = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=found.job_id))).job
    assert [track.title for track in job.tracks] == [f"Song {number}" for number in range(20)]
    assert job.notice == "The playlist has more than 20 tracks; the first 20, in its own order, were taken."


async def until_listed(system, job_id: str) -> None:
    async for response in system.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job_id)):
        if response.job.tracks:
            return


async def test_a_channel_without_videos_gives_what_its_other_tabs_hold(system, youtube: Path) -> None:
    job = await system.done(await system.submit("https://www.youtube.com/@Shorts"))
    assert (job.state, [track.title for track in job.tracks]) == (STATE.JOB_STATE_COMPLETED, ["Song A"]), job


async def test_a_page_of_playlists_asks_for_one_of_them(system, youtube: Path) -> None:
    job = await system.done(await system.submit("https://www.youtube.com/@Albums/playlists"))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "LIST_OF_LISTS"), job
    assert "2 lists" in job.error.message


async def test_a_radio_says_how_to_get_the_one_song(system, youtube: Path) -> None:
    site = SITE | {"playlists": {"RDaaaaaaaaaaa": SITE["playlists"]["PLevening0123456789"]}}
    (youtube / "site.json").write_text(json.dumps(site))
    job = await system.done(await system.submit("https://www.youtube.com/watch?v=aaaaaaaaaaa&list=RDaaaaaaaaaaa"))
    assert len(job.tracks) == 3, job
    assert "radio" in job.notice
    assert job.notice.endswith("https://youtu.be/aaaaaaaaaaa")


async def test_the_end_of_a_chosen_part_and_not_a_video_s_length_is_limited(system, youtube: Path) -> None:
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT)
    options.ranges.add(track_index=0, start_s=0, end_s=4)
    job = await system.done(await system.submit("https://youtu.be/ooooooooooo", options=options))
    assert job.error.reason != "TOO_LONG", job
    assert "googlevideo" in (youtube / "asked").read_text()
