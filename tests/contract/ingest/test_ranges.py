"""time_select at ingest: clips from ranges, refusal of impossible ranges."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support import sounds
from support.site import serve_site

from resonance.errors import InvalidInput
from resonance.rpc import to_domain_error
from resonance.v1 import jobs_pb2, steering_pb2

STATE = jobs_pb2
RATE = 16_000


def chosen(*ranges: tuple[int, float, float]) -> steering_pb2.TasteOptions:
    found = [steering_pb2.TrackRange(track_index=at, start_s=start, end_s=end) for at, start, end in ranges]
    return steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT, ranges=found)


def song(folder: Path, length_s: float, seed: int = 0) -> tuple[Any, bytes]:
    samples = (0.1 * np.random.default_rng(seed).standard_normal(round(length_s * RATE))).astype(np.float32)
    return samples, sounds.write_float_wav(folder / f"{seed}.wav", samples, rate_hz=RATE).read_bytes()


def digests(samples: Any, *bounds: tuple[float, float]) -> list[str]:
    return [
        hashlib.sha256(samples[round(start * RATE) : round(end * RATE)].tobytes()).hexdigest() for start, end in bounds
    ]


async def test_clips_are_cut_from_the_chosen_ranges_alone(system, tmp_path: Path) -> None:
    _, data = song(tmp_path, 30.0)
    options = chosen((0, 2, 8), (0, 6, 14), (0, 20, 21.5), (0, 27, 400))
    job = await system.done(await system.upload({"a.wav": data}, options=options))
    assert job.state == STATE.JOB_STATE_COMPLETED
    assert (job.tracks[0].clips_done, job.tracks[0].clips_total, job.tracks[0].duration_s) == (4, 4, 30.0)
    assert system.extract.heard[0] == digests(
        await sounds.prepare(tmp_path, data), (2, 12), (10, 14), (20, 21.5), (27, 30)
    )


async def test_tracks_of_which_nothing_is_chosen_are_left_out(system, tmp_path: Path) -> None:
    _, one = song(tmp_path, 5.0, 1)
    _, other = song(tmp_path, 5.0, 2)
    job = await system.done(await system.upload({"a.wav": one, "b.wav": other}, options=chosen((1, 1, 5))))
    assert system.extract.heard == {1: digests(await sounds.prepare(tmp_path, other), (1, 5))}
    assert [track.clips_done for track in job.tracks] == [0, 1]
    assert [track.title for track in job.taste.tracks] == ["b.wav"]


@pytest.mark.parametrize(
    ("stretch", "reason"),
    [((0, 5, 9), "RANGE_OUTSIDE_TRACK"), ((0, 3.5, 9), "RANGE_TOO_SHORT")],
)
async def test_a_range_that_is_not_there_fails_the_job_with_a_sentence(
    system, tmp_path: Path, stretch: tuple[int, float, float], reason: str
) -> None:
    job = await system.done(await system.upload({"a.wav": song(tmp_path, 4.0)[1]}, options=chosen(stretch)))
    assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, reason)
    assert not job.can_retry


async def test_a_range_past_one_track_s_end_fails_that_track_alone(system, tmp_path: Path) -> None:
    files = {f"{n}.wav": song(tmp_path, 4.0, n)[1] for n in (1, 2)}
    job = await system.done(await system.upload(files, options=chosen((0, 5, 9), (1, 0, 4))))
    assert job.state == STATE.JOB_STATE_COMPLETED
    assert job.tracks[0].error.reason == "RANGE_OUTSIDE_TRACK"
    assert job.tracks[0].error.message == "The range from 5 s lies past the track's end at 4.0 s."


async def test_a_range_of_a_track_that_is_not_there_is_named(system, tmp_path: Path) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await system.upload({"a.wav": song(tmp_path, 4.0)[1]}, options=chosen((0, 0, 4), (1, 0, 4)))
    assert [fault.field for fault in to_domain_error(caught.value).violations] == [
        "header.options.ranges[1].track_index"
    ]


async def test_a_link_with_fewer_tracks_than_a_range_names_says_so(open_system, tmp_path: Path) -> None:
    with serve_site() as site:
        async with open_system(allow_generic_sources=True, allow_private_addresses=True) as system:
            url = site.add("/song.wav", song(tmp_path, 4.0)[1], "audio/wav")
            job = await system.done(await system.submit(url, options=chosen((1, 0, 4))))
            assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "RANGE_OUTSIDE_PLAYLIST")


async def test_too_few_chosen_seconds_are_refused_by_the_rpc(system, tmp_path: Path) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await system.upload({"a.wav": song(tmp_path, 8.0)[1]}, options=chosen((0, 0.5, 0.6)))
    error = to_domain_error(caught.value)
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.message) == (
        "TOO_LITTLE_MUSIC",
        "the chosen ranges hold 0.1 s of music; a taste needs at least 3 s",
    )
