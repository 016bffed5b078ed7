"""Tastes on real services: silence, one second, duplicates, contrast modes.

The model is the tiny one.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.extracting import Bench, asked, make_taste, noise

from resonance.errors import FailedPrecondition, InvalidInput
from resonance.store.keys import taste_key
from resonance.v1 import steering_pb2


async def test_shrunk_whitening_needs_a_reference_of_several_pieces(bench: Bench) -> None:
    with pytest.raises(FailedPrecondition, match="reference calibration job"):
        await make_taste(bench, {0: noise(3.5)}, whitening=steering_pb2.WHITENING_SHRUNK)


# --- concepts of music


async def test_a_taste_of_silence_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_taste(bench, {0: np.zeros(80_000, dtype=np.float32)})
    assert caught.value.reason == "NO_USABLE_TRACK"


async def test_a_taste_of_one_second_is_refused_with_the_least_length(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="at least 3 s") as caught:
        await make_taste(bench, {0: noise(1.0)})
    assert caught.value.reason == "TOO_LITTLE_MUSIC"


async def test_twenty_identical_files_are_the_taste_of_one_and_say_so(bench: Bench) -> None:
    same = noise(3.5)
    many = await make_taste(bench, dict.fromkeys(range(20), same))
    assert many.notices == ["all 20 tracks are the same music: this is the taste of one track"]
    one = await make_taste(bench, {0: same})
    assert not one.notices
    assert many.vector_sha256 == one.vector_sha256
    assert sum(weight for track in many.tracks for weight in track.clip_weights) == pytest.approx(1)


async def test_a_repeated_track_counts_once_beside_others(bench: Bench) -> None:
    first, second = noise(3.5, 1), noise(3.5, 2)
    doubled = await make_taste(bench, {0: first, 1: second, 2: first})
    plain = await make_taste(bench, {0: first, 1: second})
    assert doubled.vector_sha256 == plain.vector_sha256
    assert "1 of the 3 tracks" in doubled.notices[0]


async def test_contrast_mean_and_whitening_are_three_directions(bench: Bench) -> None:
    tracks = {0: noise(3.5, 1), 1: noise(3.5, 2)}
    contrast = await make_taste(bench, tracks)
    mean = await make_taste(bench, tracks, direction_kind=steering_pb2.DIRECTION_KIND_MEAN)
    whitened = await make_taste(bench, tracks, whitening=steering_pb2.WHITENING_DIAGONAL)
    assert len({one.vector_sha256 for one in (contrast, mean, whitened)}) == 3
    assert contrast.split_half_cosine < mean.split_half_cosine, "a plain mean is what all music shares"


async def test_a_taste_is_described_in_figures_and_words(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    assert taste.character.source == "meters"
    assert taste.character.brightness_hz == pytest.approx(4000, rel=0.1), (
        "white noise at 16 kHz has its centroid at 4 kHz"
    )
    assert taste.character.loudness_dbfs == pytest.approx(-20, abs=0.5)
    assert "bright" in taste.character.words
    assert taste.description.startswith("Bright") or "bright" in taste.description


async def test_a_taste_in_words_alone_runs_nothing_through_the_model(bench: Bench) -> None:
    before = {key async for key in bench.store.keys("")}
    taste = await make_taste(
        bench, {0: noise(3.5, 1), 1: noise(3.5, 2)}, direction_kind=steering_pb2.DIRECTION_KIND_WORDS
    )
    assert "bright" in taste.character.textures
    assert set(taste.character.textures) <= set(taste.character.words)
    assert not taste.vector_key
    assert not taste.layer_norms
    assert {key async for key in bench.store.keys("")} - before == {taste_key("t-test")}, "no track, no vector"
    assert (await bench.tastes.get_checked("t-test")).character == taste.character
    with pytest.raises(FailedPrecondition) as caught:
        await bench.calibration_jobs().start(asked(concept="", taste_id="t-test"))
    assert caught.value.reason == "TASTE_IS_WORDS"


async def test_a_track_that_the_model_has_read_has_its_audio_features_already(bench: Bench) -> None:
    read = await make_taste(bench, {0: noise(4.0)})
    described = await make_taste(
        bench, {0: noise(4.0)}, taste_id="t-words", direction_kind=steering_pb2.DIRECTION_KIND_WORDS
    )
    assert described.tracks[0].from_cache
    assert described.character == read.character


async def test_words_alone_count_all_clips_alike(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="counts all clips alike"):
        await make_taste(
            bench,
            {0: noise(4.0)},
            direction_kind=steering_pb2.DIRECTION_KIND_WORDS,
            mix_mode=steering_pb2.MIX_MODE_ATTENTION_WEIGHTED,
        )


async def test_silence_has_no_words(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_taste(
            bench, {0: np.zeros(80_000, dtype=np.float32)}, direction_kind=steering_pb2.DIRECTION_KIND_WORDS
        )
    assert caught.value.reason == "NO_USABLE_TRACK"
