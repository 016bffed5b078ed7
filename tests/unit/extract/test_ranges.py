"""time_select on real extraction: unchosen seconds are not read."""

from __future__ import annotations

import numpy as np
import pytest
from support.extracting import Bench, make_taste, noise

from resonance.errors import InvalidInput, Unavailable
from resonance.v1 import steering_pb2
from resonance_extract.activations.worker import ActivationWorker
from resonance_model.steering.recorder import ActivationStats

RATE = 16_000


def melody(length_s: float) -> np.ndarray:  # type: ignore[type-arg]
    time_s = np.arange(round(length_s * RATE)) / RATE
    pitch_hz = 220 * 2 ** (np.floor(4 * time_s) % 5 * 2 / 12)
    return (0.3 * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)


def chosen(*ranges: tuple[float, float], track_index: int = 0) -> dict[str, object]:
    found = [steering_pb2.TrackRange(track_index=track_index, start_s=start, end_s=end) for start, end in ranges]
    return {"mix_mode": steering_pb2.MIX_MODE_TIME_SELECT, "ranges": found}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The clips that went through the model, in order, because the tiny codec's vectors hardly differ."""
    clips: list[bytes] = []
    read_clip = ActivationWorker.read_clip

    async def counted(self: ActivationWorker, samples: np.ndarray) -> ActivationStats:  # type: ignore[type-arg]
        clips.append(samples.tobytes())
        return await read_clip(self, samples)

    monkeypatch.setattr(ActivationWorker, "read_clip", counted)
    return clips


SONG = np.concatenate([melody(4.0), noise(26.0)])


async def test_only_the_chosen_seconds_are_read(bench: Bench, read: list[bytes]) -> None:
    taste = await make_taste(bench, {0: SONG}, **chosen((22, 25), (2, 8), (6, 14)))
    wanted = [(2, 12), (10, 14), (22, 25)]
    assert read == [SONG[start * RATE : end * RATE].tobytes() for start, end in wanted]
    (track,) = taste.tracks
    assert [(one.start_s, one.end_s) for one in track.ranges] == [(2, 14), (22, 25)]
    assert track.duration_s == 15
    assert track.clip_weights == pytest.approx([10 / 15, 2 / 15, 3 / 15])


async def test_a_song_s_range_is_the_taste_of_the_song_cut_to_it(bench: Bench) -> None:
    part = await make_taste(bench, {0: SONG}, **chosen((0, 4)))
    alone = await make_taste(bench, {0: SONG[: 4 * RATE]})
    assert part.vector_sha256 == alone.vector_sha256
    assert part.character == alone.character
    other = await make_taste(bench, {0: SONG}, **chosen((5, 9)))
    assert other.character != part.character
    assert other.vector_key != part.vector_key


async def test_the_whole_track_s_statistics_stay_what_they_are(bench: Bench) -> None:
    whole = await make_taste(bench, {0: SONG})
    part = await make_taste(bench, {0: SONG}, **chosen((0, 4)))
    again = await make_taste(bench, {0: SONG})
    assert not part.tracks[0].from_cache
    assert again.tracks[0].from_cache
    assert again.vector_key == whole.vector_key != part.vector_key
    assert (await make_taste(bench, {0: SONG}, **chosen((0, 2), (2, 4)))).tracks[0].from_cache, "they are joined"


async def test_a_range_of_everything_is_the_whole_track(bench: Bench) -> None:
    await make_taste(bench, {0: SONG})
    whole = await make_taste(bench, {0: SONG}, **chosen((0, 500)))
    assert whole.tracks[0].from_cache
    assert not whole.tracks[0].ranges


async def test_tracks_without_a_range_are_not_read(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0, 1), 1: SONG}, **chosen((0, 4), track_index=1))
    assert [track.title for track in taste.tracks] == ["1"]
    with pytest.raises(InvalidInput) as caught:
        await make_taste(bench, {0: SONG}, **chosen((0, 4), track_index=1))
    assert caught.value.reason == "NOTHING_SELECTED"


async def test_a_damaged_vector_of_chosen_seconds_is_mended(bench: Bench) -> None:
    taste = await make_taste(bench, {0: SONG}, **chosen((0, 4), (6, 9)))
    await bench.store.delete(taste.vector_key)
    assert (await bench.tastes.get_checked(taste.taste_id)).vector_sha256 == taste.vector_sha256
    assert (await bench.store.get(taste.vector_key)).sha256 == taste.vector_sha256


@pytest.mark.parametrize(("bounds", "reason"), [((30, 40), "RANGE_OUTSIDE_TRACK"), ((29.5, 40), "RANGE_TOO_SHORT")])
async def test_a_range_that_cannot_be_read_is_named(bench: Bench, bounds: tuple[float, float], reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_taste(bench, {0: SONG}, **chosen(bounds))
    assert caught.value.reason == reason


async def test_a_break_costs_no_more_of_a_range_than_the_clip_in_hand(
    bench: Bench, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = ActivationWorker.read_clip

    async def broken(self: ActivationWorker, samples: np.ndarray) -> ActivationStats:  # type: ignore[type-arg]
        if len(read) == 2:
            raise Unavailable("the test says so")
        return await counting(self, samples)

    ranges = chosen((2, 14), (22, 25))
    with monkeypatch.context() as patch:
        patch.setattr(ActivationWorker, "read_clip", broken)
        with pytest.raises(Unavailable):
            await make_taste(bench, {0: SONG}, **ranges)
    taste = await make_taste(bench, {0: SONG}, **ranges)
    assert len(read) == len(set(read)) == taste.clip_count == 3
