"""Retry: immutable final jobs, failed tracks only, no repeated extraction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import grpc
import pytest
from support import sounds
from support.scripted_extract import ScriptedExtract
from support.site import Site, serve_site
from support.stores import each_store

from resonance.errors import InvalidInput, ResonanceError
from resonance.rpc import to_domain_error
from resonance.v1 import ingest_pb2, jobs_pb2
from resonance_ingest import service

STATE = jobs_pb2.JobState
store = each_store


@pytest.fixture
def site() -> Iterator[Site]:
    with serve_site() as serving:
        yield serving


async def retry(system, job_id: str) -> jobs_pb2.Job:
    return (await system.stub.RetryJob(ingest_pb2.RetryJobRequest(job_id=job_id))).job


async def refusal_of_retry(system, job_id: str) -> ResonanceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await retry(system, job_id)
    return to_domain_error(caught.value)


async def test_only_the_track_that_failed_is_fetched_and_extracted_again(
    open_system, site: Site, tmp_path: Path
) -> None:
    site.add("/1.mp3", sounds.sound_bytes("mp3", tmp_path, pitch_hz=300))
    url = site.feed("/feed.xml", {"One": "/1.mp3", "Two": "/2.mp3"})
    async with open_system(allow_generic_sources=True, allow_private_addresses=True) as system:
        first = await system.done(await system.submit(url))
        assert [track.error.reason for track in first.tracks] == ["", "TRACK_GONE"]
        assert first.can_retry
        site.add("/2.mp3", sounds.sound_bytes("mp3", tmp_path, pitch_hz=500))
        site.asked.clear()
        system.extract.heard.clear()
        again = await system.done(await retry(system, first.job_id))
        assert again.state == STATE.JOB_STATE_COMPLETED, again
        assert again.job_id != first.job_id
        assert [track.error.reason for track in again.tracks] == ["", ""]
        assert "/1.mp3" not in site.asked, "an extracted track is not fetched again"
        assert list(system.extract.heard) == [1]
        assert [track.title for track in again.taste.tracks] == ["One", "Two"]
        assert (await retry(system, first.job_id)).job_id == again.job_id, "two requests are one retry"
        old = (await system.stub.GetJob(ingest_pb2.GetJobRequest(job_id=first.job_id))).job
        assert (old.state, old.taste, old.retry_job_id) == (first.state, first.taste, again.job_id)
        assert not old.can_retry


async def test_a_job_that_failed_as_a_whole_is_retried_from_its_kept_files(open_system, store, tmp_path: Path) -> None:
    no = InvalidInput("not today", reason="NOT_TODAY")
    async with open_system(store=store, extract=ScriptedExtract(fails_with=[no])) as system:
        first = await system.done(await system.upload({"a.flac": sounds.sound_bytes("flac", tmp_path)}))
        assert (first.state, first.tracks[0].state) == (STATE.JOB_STATE_FAILED, STATE.JOB_STATE_CANCELLED)
        again = await system.done(await retry(system, first.job_id))
        assert again.state == STATE.JOB_STATE_COMPLETED, again
        await system.stub.DeleteJob(ingest_pb2.DeleteJobRequest(job_id=first.job_id))
        assert (await system.stub.GetJob(ingest_pb2.GetJobRequest(job_id=again.job_id))).job == again


async def test_a_faulty_file_is_not_retried(system, tmp_path: Path) -> None:
    good = sounds.sound_bytes("flac", tmp_path)
    job = await system.done(await system.upload({"a.flac": good, "letter.mp3": b"dear all" * 99}))
    assert not job.can_retry
    assert (await refusal_of_retry(system, job.job_id)).reason == "NOTHING_TO_RETRY"


async def test_a_job_that_runs_is_not_retried(open_system, tmp_path: Path) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=5.0)) as system:
        job = await system.upload({"a.flac": sounds.sound_bytes("flac", tmp_path)})
        assert (await refusal_of_retry(system, job.job_id)).reason == "JOB_NOT_FINAL"


async def test_a_job_whose_files_were_removed_is_not_retried(open_system, tmp_path: Path) -> None:
    no = InvalidInput("not today", reason="NOT_TODAY")
    async with open_system(extract=ScriptedExtract(fails_with=[no])) as system:
        job = await system.done(await system.upload({"a.flac": sounds.sound_bytes("flac", tmp_path)}))
        for key in [key async for key in system.store.keys("uploads/")]:
            await system.store.delete(key)
        assert (await refusal_of_retry(system, job.job_id)).reason == "UPLOADS_GONE"


async def test_a_cancelled_upload_says_that_it_cannot_be_retried(open_system, tmp_path: Path) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=5.0)) as system:
        job = await system.upload({"a.flac": sounds.sound_bytes("flac", tmp_path)})
        cancelled = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
        assert not cancelled.can_retry
        assert (await refusal_of_retry(system, job.job_id)).reason == "UPLOADS_GONE"


async def test_a_cancelled_link_is_retried(open_system, site: Site, tmp_path: Path) -> None:
    site.add("/1.mp3", sounds.sound_bytes("mp3", tmp_path))
    url = site.feed("/feed.xml", {"One": "/1.mp3"})
    extract = ScriptedExtract(pause_s=5.0)
    async with open_system(extract=extract, allow_generic_sources=True, allow_private_addresses=True) as system:
        job = await system.submit(url)
        cancelled = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
        assert cancelled.can_retry
        assert (await retry(system, job.job_id)).job_id != job.job_id


async def test_a_cancelled_job_leaves_no_track_waiting(open_system, tmp_path: Path) -> None:
    song = sounds.sound_bytes("flac", tmp_path, duration_s=30.0)
    async with open_system(extract=ScriptedExtract(pause_s=5.0)) as system:
        job = await system.upload({"a.flac": song, "b.flac": song})
        cancelled = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
        assert {track.state for track in cancelled.tracks} <= {STATE.JOB_STATE_CANCELLED}
        assert cancelled.history[0].state == STATE.JOB_STATE_QUEUED
        assert cancelled.history[-1].state == STATE.JOB_STATE_CANCELLED


async def test_a_job_s_history_has_every_state_with_its_time(system, tmp_path: Path) -> None:
    job = await system.done(await system.upload({"a.flac": sounds.sound_bytes("flac", tmp_path)}))
    states, times = [change.state for change in job.history], [change.time.ToMilliseconds() for change in job.history]
    assert states == sorted(set(states))
    assert (states[0], states[-1]) == (STATE.JOB_STATE_QUEUED, STATE.JOB_STATE_COMPLETED)
    assert times == sorted(times)


async def test_a_watcher_gets_a_message_at_least_every_two_seconds(open_system, tmp_path: Path, monkeypatch) -> None:
    assert service._HEARTBEAT_S < 2.0
    monkeypatch.setattr(service, "_HEARTBEAT_S", 0.15)
    song = sounds.sound_bytes("flac", tmp_path, duration_s=2.0)
    async with open_system(extract=ScriptedExtract(pause_s=1.0)) as system:
        job, times_s = await system.upload({"a.flac": song}), [time.monotonic()]
        quiet = 0
        async for response in system.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job.job_id)):
            times_s.append(time.monotonic())
            quiet += response.is_unchanged
        gaps = [after - before for before, after in pairwise(times_s)]
        assert quiet >= 2
        assert max(gaps) <= 0.65
