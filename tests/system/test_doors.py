"""Variations, loops and sounds that go on, by the command line and over REST, on the whole system."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.system.conftest import System

from resonance.audio.wav import read_wav, wav_header

pytestmark = pytest.mark.slow


def resonance(system: System, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-m", "resonance_cli", *arguments, "--address", system.grpc],
        env=os.environ | {"RESONANCE_DATA_DIR": str(system.data_dir)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == code, run.stderr
    return run


def test_the_command_line_writes_each_variation_into_a_file_of_its_own(system: System, tmp_path: Path) -> None:
    out = tmp_path / "song.wav"
    run = resonance(system, "make", "jazz", "-o", str(out), "--duration-s", "1", "-n", "3", "--seed", "5", "--json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song-1.wav", "song-2.wav", "song-3.wav"]
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 3
    assert '"seed": "5"' in run.stdout
    refused = resonance(system, "make", "jazz", "-o", "-", "-n", "2", code=1)
    assert "files of their own" in refused.stderr


def test_the_command_line_goes_on_from_a_file_small_or_large(system: System, songs: list[Path], tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    rate_hz, seconds = 44_100, 60
    samples = (8000 * np.sin(2 * np.pi * 220 * np.arange(rate_hz * seconds) / rate_hz)).astype("<i2")
    header = wav_header(sample_rate_hz=rate_hz, channel_count=1, sample_count=len(samples), info={})
    large.write_bytes(header + samples.tobytes())
    for song, duration_s, expected in ((songs[0], "13", "begins at 12"), (large, "31", "begins at 30")):
        out = tmp_path / f"{song.stem}-longer.wav"
        run = resonance(system, "make", "jazz", "-o", str(out), "--duration-s", duration_s, "--continue", str(song))
        assert f"the new part {expected}" in " ".join(run.stderr.split())
        found_hz, _, pcm, info = read_wav(out.read_bytes())
        assert len(pcm) / 2 / found_hz == pytest.approx(float(duration_s))
        assert "a sound that its user gave" in info["ICMT"]
    missing = resonance(system, "make", "jazz", "--continue", str(tmp_path / "none.mp3"), code=1)
    assert "is not a file" in missing.stderr


def test_rest_makes_a_loop_and_sends_it_whole_and_shares_it(system: System) -> None:
    with httpx.Client(base_url=system.http, timeout=60) as http:
        body = {"prompt": "jazz", "duration_s": 2, "seed": 5, "loop": True, "request_id": "round"}
        answer = http.post("/v1/generations", json=body)
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert "the loop" in json.loads(answer.headers["x-notices"])[-1]
        take = http.get("/v1/takes/round").json()
        assert float(answer.headers["x-duration-s"]) == pytest.approx(take["duration_s"])
        assert take["loop"]["no_bars"] or take["loop"]["bar_count"]
        kept = http.get("/v1/takes/round/audio")
        assert kept.content == answer.content
        raw = http.post("/v1/generations", json=body | {"raw": True})
        assert len(read_wav(raw.content)[2]) == round(take["duration_s"] * take["format"]["sample_rate_hz"]) * 2
        link = http.post("/v1/takes/round/link", json={}).json()["url"]
        shared, own = read_wav(http.get(link).content), read_wav(answer.content)
        assert shared[2] == own[2]
        resumed = http.post("/v1/generations", json=body | {"resume_sample_offset": 5})
        assert resumed.json()["errors"][0]["field"] == "resume_sample_offset"
        later = http.post("/v1/generations", json=body | {"request_id": "later"}, headers={"Prefer": "respond-async"})
        events = http.get(f"{later.headers['location']}/events").text
        last = json.loads([line for line in events.split("\n") if line.startswith("data: ")][-1][6:])
        assert (last["state"], last["sample_count"]) == ("finished", last["sample_count_total"])


def test_rest_goes_on_from_a_body_and_from_an_upload(system: System, songs: list[Path]) -> None:
    sound = songs[2].read_bytes()
    with httpx.Client(base_url=system.http, timeout=60) as http:
        upload = http.post("/v1/uploads", json={"filename": "mine.flac", "byte_count": len(sound)}).json()
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        http.patch(f"/v1/uploads/{upload['upload_id']}", content=sound, headers=headers)
        body = {"prompt": "jazz", "duration_s": 13, "seed": 5, "raw": True}
        given = {"data": base64.b64encode(sound).decode(), "filename": "mine.flac"}
        by_data = http.post("/v1/generations", json=body | {"origin_sound": given})
        by_upload = http.post("/v1/generations", json=body | {"origin_sound": {"upload_id": upload["upload_id"]}})
        assert read_wav(by_data.content)[2] == read_wav(by_upload.content)[2]
        take = http.get(f"/v1/takes/{by_upload.headers['x-request-id']}").json()
        assert take["origin_sound"]["filename"] == "mine.flac"
        assert take["origin_sound"]["new_start_s"] == pytest.approx(12, abs=0.1)
        short = http.post("/v1/generations", json=body | {"duration_s": 5, "origin_sound": given})
        assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "duration_s")
        other = http.get(f"/v1/takes/{by_upload.headers['x-request-id']}/audio")
        report = http.post(
            "/v1/verifications", content=other.content, headers={"Content-Type": "application/octet-stream"}
        ).json()
        assert report["content_credentials"]["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
