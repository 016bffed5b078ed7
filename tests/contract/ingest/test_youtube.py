"""YouTube through yt-dlp's extractor: link forms and refusals."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support import one_now_all_later, sounds

from resonance.v1 import jobs_pb2

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
