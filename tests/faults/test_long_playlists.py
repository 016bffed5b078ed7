"""Long playlists: constant memory of ingest, heartbeats for watchers."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from support import robust, sounds

from resonance.rpc import open_channel
from resonance.v1 import ingest_pb2, ingest_pb2_grpc, jobs_pb2

MEMORY_MB_MAX = 300
GAP_S_MAX = 2.0


def peak_mb(pid: int) -> float:
    """The peak memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def run_playlist(cluster, files: dict[str, bytes]) -> tuple[float, float, int]:  # type: ignore[no-untyped-def]
    """One playlist through a new ingest process: peak in MB, longest silence of a watcher in seconds, and clips."""
    ingest = await cluster.start()
    job = await ingest.upload(files)
    times_s = [time.monotonic()]
    async with open_channel(ingest.address) as channel:
        stub = ingest_pb2_grpc.IngestServiceStub(channel)
        async for response in stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job.job_id)):
            times_s.append(time.monotonic())
            job = response.job
    assert job.state == jobs_pb2.JOB_STATE_COMPLETED, job
    peak = peak_mb(ingest.process.pid)
    ingest.kill()
    return (
        peak,
        max(after - before for before, after in pairwise(times_s)),
        sum(track.clips_total for track in job.tracks),
    )


async def compare(cluster, tmp_path: Path, short_s: float, long_s: float, *, count: int, within_mb: float) -> None:  # type: ignore[no-untyped-def]
    peaks = {}
    for duration_s in (short_s, long_s):
        songs = [sounds.sound_bytes("flac", tmp_path, duration_s=duration_s, pitch_hz=100.0 + n) for n in range(2)]
        # The same sound with another last byte is another file, which is decoded for itself.
        files = {f"{number}.flac": songs[number % 2] + bytes([number]) for number in range(count)}
        peaks[duration_s], gap_s, clips = await run_playlist(cluster, files)
        print(
            f"{count} x {duration_s:g} s, {clips} clips: peak {peaks[duration_s]:.0f} MB, longest silence {gap_s:.2f} s"
        )
        assert gap_s <= GAP_S_MAX
        assert peaks[duration_s] <= MEMORY_MB_MAX
        cluster.extract.cached.clear()
    assert peaks[long_s] - peaks[short_s] <= within_mb


@pytest.mark.slow
async def test_a_playlist_of_short_and_of_longer_tracks(cluster, tmp_path: Path) -> None:
    # Samples of 8 x 110 s would be 56 MB. Buffers fill by chance in so short a time.
    await compare(cluster, tmp_path, 10.0, 120.0, count=8, within_mb=45)


@robust
@pytest.mark.timeout(1800)
async def test_a_playlist_of_hundreds_of_clips(cluster, tmp_path: Path) -> None:
    await compare(cluster, tmp_path, 60.0, 240.0, count=20, within_mb=20)
