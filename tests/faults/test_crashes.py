"""Ingest crashes: jobs survive `kill -9`, pauses and restarts."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from support import one_now_all_later, robust, sounds
from support.polling import eventually

from resonance.v1 import jobs_pb2

STATE = jobs_pb2.JobState


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, duration_s=18.0, pitch_hz=200.0 * n) for n in (1, 2)}


def decode_workers(data_dir: Path) -> list[str]:
    """Decoder children on this machine that work below the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text().replace("\0", " ")
        except OSError:
            continue
        if "decode_worker" in line and str(data_dir) in line:
            found.append(line)
    return found


@pytest.mark.parametrize("after_s", [0.0, pytest.param(0.3, marks=robust), 1.2])
async def test_after_kill_9_another_process_finishes_the_job(cluster, files: dict[str, bytes], after_s: float) -> None:
    cluster.extract.pause_s = 0.2
    first = await cluster.start()
    job = await first.upload(files)
    await asyncio.sleep(after_s)
    first.kill()
    killed_s = time.monotonic()
    second = await cluster.start()
    done = await cluster.final(second, job.job_id)
    assert done.state == STATE.JOB_STATE_COMPLETED, done
    assert time.monotonic() - killed_s < 12
    await asyncio.sleep(0.3)
    assert (cluster.leftovers(), decode_workers(cluster.data_dir)) == ([], [])


@pytest.mark.parametrize("crashes", [1, pytest.param(3, marks=robust)])
async def test_a_crash_costs_at_most_the_clip_in_hand(cluster, tmp_path: Path, crashes: int) -> None:
    cluster.extract.pause_s = 0.2
    long = {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, duration_s=60.0, pitch_hz=300.0 * n) for n in (1, 2)}
    ingest = await cluster.start()
    job = await ingest.upload(long)
    for crash in range(1, crashes + 1):
        async with asyncio.timeout(30):
            while cluster.extract.clips_heard < 3 * crash:
                await asyncio.sleep(0.02)
        ingest.kill()
        killed_s = time.monotonic()
        heard_before, ingest = cluster.extract.clips_heard, await cluster.start()
        async with asyncio.timeout(12):
            while cluster.extract.clips_heard <= heard_before + 1:
                await asyncio.sleep(0.02)
        assert time.monotonic() - killed_s < 12
    done = await cluster.final(ingest, job.job_id)
    assert done.state == STATE.JOB_STATE_COMPLETED, done
    clips = sum(track.clips_total for track in done.tracks)
    assert clips == 16
    assert cluster.extract.clips_heard <= clips + crashes, "each crash costs at most the clip in hand"


async def test_a_living_replica_takes_over_by_itself(cluster, files: dict[str, bytes]) -> None:
    cluster.extract.pause_s = 0.3
    first = await cluster.start()
    job = await first.upload(files)
    await asyncio.wait_for(cluster.extract.listening.wait(), 10)
    second = await cluster.start()
    first.kill()
    assert (await cluster.final(second, job.job_id)).state == STATE.JOB_STATE_COMPLETED


async def test_a_paused_owner_s_late_write_is_refused(cluster, files: dict[str, bytes]) -> None:
    cluster.extract.pause_s = 0.2
    first = await cluster.start()
    job = await first.upload(files)
    await asyncio.wait_for(cluster.extract.listening.wait(), 10)
    first.pause()
    second = await cluster.start()
    done = await cluster.final(second, job.job_id)
    assert done.state == STATE.JOB_STATE_COMPLETED
    first.resume()
    await asyncio.sleep(1.0)
    assert await first.job(job.job_id) == done == await second.job(job.job_id)
    assert cluster.extract.running == 0
    await eventually(lambda: cluster.leftovers() == [], deadline_s=15.0)  # before the look of every half minute


async def test_a_restart_gives_the_lease_back_at_once(cluster, files: dict[str, bytes]) -> None:
    cluster.extract.pause_s = 0.2
    first = await cluster.start()
    job = await first.upload(files)
    await asyncio.wait_for(cluster.extract.listening.wait(), 10)
    first.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.process.wait, 10) == 0
    second = await cluster.start()
    assert (await cluster.final(second, job.job_id)).state == STATE.JOB_STATE_COMPLETED


@pytest.mark.parametrize("victim", one_now_all_later(["both and the engine's file", "engine", "both"]))
async def test_a_killed_or_lost_engine_costs_no_playlist_and_no_clip_twice(
    cluster, files: dict[str, bytes], victim: str
) -> None:
    cluster.extract.pause_s = 0.5
    ingest = await cluster.start()
    job = await ingest.upload(files)
    await asyncio.wait_for(cluster.extract.listening.wait(), 20)
    folder = cluster.data_dir / "engine"
    if victim != "engine":
        ingest.kill()
    cluster.kill_engine()
    if victim == "both and the engine's file":
        await eventually(lambda: not cluster.engine_pids())
        for path in folder.glob("engine.db*"):
            path.unlink()
    if victim != "engine":
        ingest = await cluster.start()
    done = await cluster.final(ingest, job.job_id, within_s=60.0)
    assert (done.job_id, done.state) == (job.job_id, STATE.JOB_STATE_COMPLETED), done
    clips = sum(track.clips_total for track in done.tracks)
    assert cluster.extract.clips_heard <= clips + 1, "at most the clip in hand is read again"


@robust
async def test_two_replicas_share_the_work_and_do_each_job_once(cluster, files: dict[str, bytes]) -> None:
    replicas = [await cluster.start(), await cluster.start()]
    jobs = [await replicas[n % 2].upload({"a.flac": files["1.flac"], "b.mp3": b"%d" % n}) for n in range(6)]
    done = [await cluster.final(replicas[0], job.job_id) for job in jobs]
    assert {job.state for job in done} == {STATE.JOB_STATE_COMPLETED}
    assert cluster.extract.calls == 6
