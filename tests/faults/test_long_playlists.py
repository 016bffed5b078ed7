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


async def compare(cluster, tmp_path: Path, few: int, many: int, *, duration_s: float, within_mb: float) -> None:  # type: ignore[no-untyped-def]
    """Ingest's peak with many tracks against its peak with few of the same length: what is kept of a finished track would add up."""
    songs = [sounds.sound_bytes("flac", tmp_path, duration_s=duration_s, pitch_hz=100.0 + n) for n in range(2)]
    peaks = {}
    for count in (few, many):
        # The same sound with another last byte is another file, which is decoded for itself.
        files = {f"{number}.flac": songs[number % 2] + bytes([number]) for number in range(count)}
        peaks[count], gap_s, clips = await run_playlist(cluster, files)
        print(f"{count} x {duration_s:g} s, {clips} clips: peak {peaks[count]:.0f} MB, longest silence {gap_s:.2f} s")
        assert gap_s <= GAP_S_MAX
        assert peaks[count] <= MEMORY_MB_MAX
        cluster.extract.cached.clear()
    assert peaks[many] - peaks[few] <= within_mb


@pytest.mark.slow
async def test_a_playlist_of_few_and_of_more_tracks(cluster, tmp_path: Path) -> None:
    # The samples of 16 tracks more would be 61 MB. Tracks in work map up to 31 MB of decoded files, a chance number of pages.
    await compare(cluster, tmp_path, 4, 20, duration_s=60.0, within_mb=40)


@robust
@pytest.mark.timeout(1800)
async def test_a_playlist_of_hundreds_of_clips(cluster, tmp_path: Path) -> None:
    await compare(cluster, tmp_path, 6, 20, duration_s=240.0, within_mb=80)
