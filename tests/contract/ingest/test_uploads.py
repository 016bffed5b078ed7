"""Multipart uploads: tastes from files, reasons for wrong files."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from support import sounds
from support.scripted_extract import ScriptedExtract

from resonance.v1 import jobs_pb2, steering_pb2

STATE = jobs_pb2.JobState


async def test_three_files_of_three_codecs_become_a_taste(system, tmp_path: Path) -> None:
    files = {f"song.{kind}": sounds.sound_bytes(kind, tmp_path, duration_s=12.0) for kind in ("mp3", "m4a", "flac")}
    states = await system.watch((await system.upload(files, title="Evening")).job_id)
    job = states[-1]
    assert job.state == STATE.JOB_STATE_COMPLETED, job
    assert job.title == "Evening"
    assert [track.title for track in job.tracks] == list(files)
    assert [(track.clips_done, track.clips_total) for track in job.tracks] == [(2, 2)] * 3
    assert all(track.state == STATE.JOB_STATE_COMPLETED for track in job.tracks)
    assert job.taste.taste_id == job.job_id in system.extract.tastes
    assert [state.progress for state in states] == sorted(state.progress for state in states)
    assert states[-1].progress == 1.0
    assert [state.revision for state in states] == sorted({state.revision for state in states})


async def test_the_extractor_receives_exactly_the_prepared_samples(system, tmp_path: Path) -> None:
    path = sounds.write_float_wav(tmp_path / "song.wav", sounds.tone(19.0, 16_000), rate_hz=16_000)
    job = await system.done(await system.upload({"song.wav": path.read_bytes()}))
    samples = await sounds.prepare(tmp_path, path.read_bytes())
    clips = [samples[:160_000], samples[128_000:288_000], samples[256_000:]]
    assert system.extract.heard[0] == [hashlib.sha256(clip.tobytes()).hexdigest() for clip in clips]
    assert job.taste.tracks[0].sha256 == hashlib.sha256(samples.tobytes()).hexdigest()


async def test_a_bad_file_fails_alone(system, tmp_path: Path) -> None:
    good = sounds.sound_bytes("mp3", tmp_path)
    nan = sounds.write_float_wav(tmp_path / "nan.wav", np.full(32_000, np.nan, np.float32)).read_bytes()
    files = {"a.mp3": good, "empty.mp3": b"", "letter.mp3": b"dear all" * 99, "nan.wav": nan, "b.mp3": good}
    job = await system.done(await system.upload(files))
    assert job.state == STATE.JOB_STATE_COMPLETED
    assert [track.error.reason for track in job.tracks] == ["", "EMPTY_FILE", "NOT_AUDIO", "NOT_FINITE", ""]
    assert [track.index for track in job.tracks] == [0, 1, 2, 3, 4]
    assert sorted(system.extract.heard) == [0, 4]


async def test_a_job_of_bad_files_fails(system) -> None:
    job = await system.done(await system.upload({"a.mp3": b"", "b.mp3": b"no"}))
    assert job.state == STATE.JOB_STATE_FAILED
    assert job.error.reason == "NO_USABLE_TRACKS"
    assert "The file is empty." in job.error.message


async def test_a_track_that_the_extractor_refuses_fails_alone(open_system, tmp_path: Path) -> None:
    async with open_system(extract=ScriptedExtract(refused_tracks=frozenset({0}))) as system:
        good = sounds.sound_bytes("flac", tmp_path)
        job = await system.done(await system.upload({"a.flac": good, "b.flac": sounds.sound_bytes("mp3", tmp_path)}))
        assert job.state == STATE.JOB_STATE_COMPLETED
        assert [track.error.reason for track in job.tracks] == ["SILENT", ""]


async def test_clips_that_the_extractor_knows_are_not_sent_again(system, tmp_path: Path) -> None:
    files = {"a.flac": sounds.sound_bytes("flac", tmp_path)}
    await system.done(await system.upload(files))
    system.extract.heard.clear()
    again = await system.done(await system.upload(files))
    assert again.state == STATE.JOB_STATE_COMPLETED
    assert (again.tracks[0].clips_done, system.extract.heard) == (1, {})


async def test_a_decoded_file_is_not_decoded_again(system, tmp_path: Path) -> None:
    files = {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, pitch_hz=100.0 * n) for n in range(1, 9)}
    started_s = time.monotonic()
    first = await system.done(await system.upload(files))
    first_s, started_s = time.monotonic() - started_s, time.monotonic()
    again = await system.done(await system.upload(files))
    assert time.monotonic() - started_s < max(0.6, first_s / 2), "eight decoders do not start in so little time"
    assert again.state == STATE.JOB_STATE_COMPLETED
    assert [track.duration_s for track in again.tracks] == [track.duration_s for track in first.tracks]
    assert again.taste.tracks == first.taste.tracks


async def test_a_track_that_the_extractor_does_not_know_any_more_is_decoded_again(system, tmp_path: Path) -> None:
    files = {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, pitch_hz=100.0 * n) for n in (1, 2, 3)}
    first = await system.done(await system.upload(files))
    system.extract.cached.remove(first.taste.tracks[1].sha256)
    system.extract.heard.clear()
    again = await system.done(await system.upload(files))
    assert again.state == STATE.JOB_STATE_COMPLETED
    assert list(system.extract.heard) == [1]
    assert again.taste.tracks == first.taste.tracks


async def test_a_title_that_cannot_be_printed_is_made_plain(system, tmp_path: Path) -> None:
    name = "so\x00ng\x1b[31m\u202e.wav"
    job = await system.done(await system.upload({name: sounds.sound_bytes("wav", tmp_path)}))
    assert job.tracks[0].title == "so ng [31m .wav"
    assert job.title == "so ng [31m"


async def test_options_reach_the_extractor_unchanged(system, tmp_path: Path) -> None:
    stretch = steering_pb2.TrackRange(track_index=0, start_s=0.5, end_s=3.5)
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT, ranges=[stretch])
    job = await system.done(await system.upload({"a.wav": sounds.sound_bytes("wav", tmp_path)}, options=options))
    assert job.options == options == system.extract.tastes[job.job_id].options


async def test_a_finished_upload_leaves_only_its_job_in_the_store(system, tmp_path: Path) -> None:
    await system.done(await system.upload({"a.wav": sounds.sound_bytes("wav", tmp_path)}))
    for _ in range(50):
        keys = [key async for key in system.store.keys("")]
        if {key.partition("/")[0] for key in keys} == {"jobs", "job-list", "sounds"}:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"left: {keys}")


async def test_a_track_says_what_decoding_changed_also_when_it_is_known_already(system, tmp_path: Path) -> None:
    """Polarity of one side turned, as in files whose mono sum is silent."""
    tone = sounds.tone(12.0, 16_000)
    path = sounds.write_stereo_wav(tmp_path / "turned.wav", np.stack([tone, -tone]), rate_hz=16_000)
    for _ in range(2):
        job = await system.done(await system.upload({"turned.wav": path.read_bytes()}))
        assert job.tracks[0].state == STATE.JOB_STATE_COMPLETED
        assert job.tracks[0].notice == "Left and right work against each other, so one side was turned over."
    plain = await system.done(
        await system.upload(
            {"plain.wav": sounds.write_float_wav(tmp_path / "plain.wav", tone, rate_hz=16_000).read_bytes()}
        )
    )
    assert plain.tracks[0].notice == ""


async def test_a_file_that_is_too_large_fails_alone(open_system, tmp_path: Path) -> None:
    song, large = sounds.sound_bytes("flac", tmp_path), bytes(700_000)
    files = {"one.flac": song, "large.wav": large, "two.mp3": sounds.sound_bytes("mp3", tmp_path)}
    async with open_system(track_bytes_max=600_000) as system:
        job = await system.done(await system.upload(files))
        assert job.state == STATE.JOB_STATE_COMPLETED, job
        assert [track.error.reason for track in job.tracks] == ["", "TOO_LARGE", ""]
        assert not [key for key in await system.kept() if key.startswith("uploads/")], "its bytes are not kept"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await system.upload({"large.wav": large})
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_files_beyond_the_room_of_one_upload_fail_alone(open_system, tmp_path: Path) -> None:
    song = sounds.sound_bytes("flac", tmp_path)
    async with open_system(upload_bytes_max=len(song) * 3 // 2) as system:
        job = await system.done(await system.upload({"one.flac": song, "two.flac": song}))
    assert [track.error.reason for track in job.tracks] == ["", "TOO_LARGE"], job
    assert "another" in job.tracks[1].error.message


async def test_a_known_track_keeps_the_extractor_s_verdict(open_system, tmp_path: Path) -> None:
    files = {"one.flac": sounds.sound_bytes("flac", tmp_path), "two.mp3": sounds.sound_bytes("mp3", tmp_path)}
    async with open_system(extract=ScriptedExtract(refused_tracks=frozenset({1}))) as system:
        for _ in range(2):
            job = await system.done(await system.upload(files))
            assert [track.error.reason for track in job.tracks] == ["", "SILENT"], job


async def test_chosen_seconds_of_a_track_longer_than_the_limit_reach_the_extractor(open_system, tmp_path: Path) -> None:
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT)
    options.ranges.add(track_index=0, start_s=3, end_s=6.5)
    source = sounds.sound_bytes("wav", tmp_path, duration_s=8.0)
    async with open_system(track_duration_s_max=4.0) as system:
        job = await system.done(await system.upload({"symphony.wav": source}, options=options))
        whole = await system.done(await system.upload({"symphony.wav": source}))
    assert (job.state, job.tracks[0].duration_s) == (STATE.JOB_STATE_COMPLETED, pytest.approx(8.0)), job
    assert whole.error.reason == "TOO_LONG"
