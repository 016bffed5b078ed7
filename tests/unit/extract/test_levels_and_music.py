"""Level-free tastes: clip weights, real-music contrast, removed loudness direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from resonance.audio.level import TARGET_LUFS
from resonance.audio.loudness import block_powers, loudness_lufs, to_power
from resonance.v1 import steering_pb2
from resonance_extract.activations.rests import without_rests
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.mixing import IndexedTrack, Mix, clip_weights
from resonance_extract.directions.scaling import unit_rows
from resonance_extract.directions.statistics import ReferenceStatistics, TrackStatistics, pad_blocks
from resonance_extract.tastes.mixes import MUSIC_COMPONENTS, TASTE_UNIT, among_music, mix_direction, without_level
from resonance_model import activations
from resonance_model.activations import generate_and_read, read_levelled
from resonance_model.loaded_model import LoadedModel

LAYERS, HIDDEN = 3, 16
RNG = np.random.default_rng(5)


def track(starts_s: list[float], ends_s: list[float], lufs: list[float], index: int = 0) -> IndexedTrack:
    """A track whose clips have one loudness each."""
    count = len(starts_s)
    blocks = [pad_blocks(np.full(97, to_power(level)), 10.0) for level in lufs]
    statistics = TrackStatistics(
        means=RNG.normal(size=(count, LAYERS, HIDDEN)).astype(np.float32),
        starts_s=np.asarray(starts_s, np.float32),
        ends_s=np.asarray(ends_s, np.float32),
        rms=np.full(count, 0.1, np.float32),
        meters=np.zeros((count, 4), np.float32),
        variances=np.ones((count, LAYERS, HIDDEN), np.float32),
        blocks=np.concatenate(blocks),
    )
    return IndexedTrack(index=index, statistics=statistics)


def reference(**parts: np.ndarray) -> ReferenceStatistics:  # type: ignore[type-arg]
    pieces = RNG.normal(size=(6, LAYERS, HIDDEN)).astype(np.float32)
    return ReferenceStatistics(
        mean=pieces.mean(axis=0), variance=np.ones((LAYERS, HIDDEN), np.float32), pieces=pieces, **parts
    )


def test_a_short_rest_weighs_by_what_is_new_in_it() -> None:
    """18.02 s are three clips; the last one repeats two seconds and holds 0.02 s that no other clip has."""
    (weights,) = clip_weights([track([0, 8, 16], [10, 18, 18.02], [-20, -20, -20])], Mix())
    np.testing.assert_allclose(weights, np.array([10, 8, 0.02]) / 18.02, atol=1e-5)


def test_silent_clips_weigh_nothing_and_soft_music_counts() -> None:
    silent = track([0, 8, 16, 24], [10, 18, 26, 34], [-20, -100, -100, -35])
    (weights,) = clip_weights([silent], Mix())
    np.testing.assert_allclose(weights, np.array([10, 0, 0, 8]) / 18, atol=1e-5)


def test_the_gate_moves_with_the_tracks_level() -> None:
    loud = clip_weights([track([0, 8], [10, 18], [-14, -40])], Mix())
    soft = clip_weights([track([0, 8], [10, 18], [-32, -58])], Mix())
    np.testing.assert_allclose(loud[0], soft[0])


def test_a_clip_that_is_half_silent_weighs_half() -> None:
    one = track([0, 8], [10, 18], [-20, -20])
    one.statistics.blocks[1, :49] = to_power(-90.0)
    (weights,) = clip_weights([one], Mix())
    assert weights[1] / weights[0] == pytest.approx(8 * (48 / 97) / 10, rel=1e-4)


async def test_a_taste_is_the_contrast_with_real_music_where_it_is_known() -> None:
    music = RNG.normal(size=(8, LAYERS, HIDDEN)).astype(np.float32) + 3
    known = reference(music_pieces=music)
    tracks, weights = [track([0], [10], [-20])], [np.ones(1)]
    options = steering_pb2.TasteOptions()
    difference, direction = await mix_direction(tracks, weights, known, options, model_digest="m")
    np.testing.assert_allclose(difference, tracks[0].statistics.means[0] - music.mean(axis=0), atol=1e-5)
    lengths = np.linalg.norm(direction.per_layer, axis=1)
    np.testing.assert_allclose(lengths, TASTE_UNIT, rtol=1e-4, err_msg="unit variance: one standard deviation is 1")


async def test_what_moves_with_loudness_is_no_part_of_a_taste() -> None:
    level = unit_rows(RNG.normal(size=(LAYERS, HIDDEN)).astype(np.float32))
    known, options = reference(level=level), steering_pb2.TasteOptions()
    quiet, weights = track([0], [10], [-20]), [np.ones(1)]
    loud = track([0], [10], [-20])
    loud.statistics.means[:] = quiet.statistics.means + 4 * level
    (_, one), (_, other) = [
        await mix_direction([each], weights, known, options, model_digest="m") for each in (quiet, loud)
    ]
    np.testing.assert_allclose(one.per_layer, other.per_layer, atol=1e-4)
    assert np.abs((one.per_layer * level).sum(axis=1)).max() < 1e-4


def test_without_a_measured_level_nothing_is_removed() -> None:
    difference = RNG.normal(size=(LAYERS, HIDDEN)).astype(np.float32)
    np.testing.assert_array_equal(without_level(difference, reference()), difference)


def test_what_does_not_vary_between_pieces_of_music_is_no_part_of_a_taste() -> None:
    pieces = RNG.normal(size=(2 * MUSIC_COMPONENTS, LAYERS, 40)).astype(np.float32)
    pieces[..., 30:] = 0.0
    known = reference(music_pieces=pieces)
    kept = among_music(np.ones((LAYERS, 40), np.float32), known)
    np.testing.assert_allclose(kept[:, 30:], 0, atol=1e-6)
    np.testing.assert_allclose(among_music(kept, known), kept, atol=1e-5)
    assert np.linalg.norm(kept) > 0.1
    few = reference(music_pieces=pieces[: MUSIC_COMPONENTS + 1])
    np.testing.assert_array_equal(among_music(kept, few), kept)


def test_rests_are_left_out_of_a_clip() -> None:
    rate = 16_000
    music = RNG.normal(scale=0.1, size=10 * rate).astype(np.float32)
    paused = music.copy()
    paused[3 * rate : 7 * rate] = 0.0
    left = without_rests(paused, block_powers(paused, rate), rate)
    assert len(left) == pytest.approx(6 * rate, abs=0.25 * rate)
    np.testing.assert_array_equal(without_rests(music, block_powers(music, rate), rate), music)
    short = music.copy()
    short[3 * rate : 4 * rate] = 0.0
    np.testing.assert_array_equal(without_rests(short, block_powers(short, rate), rate), short)
    silent = np.zeros_like(music)
    np.testing.assert_array_equal(without_rests(silent, block_powers(silent, rate), rate), silent)


async def test_polarity_leaves_no_trace_in_a_clips_states(tiny: LoadedModel) -> None:
    worker = ActivationWorker(tiny)
    clip = RNG.normal(scale=0.1, size=2 * tiny.description.sample_rate_hz).astype(np.float32)
    mine, turned = await worker.read_clip(clip), await worker.read_clip(-clip)
    worker.close()
    torch.testing.assert_close(mine.mean, turned.mean)
    torch.testing.assert_close(mine.variance, turned.variance)


def test_a_reference_keeps_its_music_and_its_level() -> None:
    whole = reference(
        music_pieces=RNG.normal(size=(4, LAYERS, HIDDEN)).astype(np.float32),
        level=unit_rows(RNG.normal(size=(LAYERS, HIDDEN)).astype(np.float32)),
    )
    again = ReferenceStatistics.from_bytes(whole.to_bytes())
    np.testing.assert_array_equal(again.contrast_pieces, whole.contrast_pieces)
    np.testing.assert_array_equal(again.level, whole.level)
    plain = reference()
    np.testing.assert_array_equal(ReferenceStatistics.from_bytes(plain.to_bytes()).contrast_pieces, plain.pieces)


@pytest.mark.parametrize("target_lufs", [-30.0, TARGET_LUFS])
def test_a_take_is_read_at_the_loudness_that_is_asked_for(
    target_lufs: float, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[torch.Tensor] = []
    monkeypatch.setattr(activations, "read_clip", lambda _model, samples: heard.append(samples))
    ((codes, _),) = generate_and_read(tiny, ["calm piano"], frame_count=100, seed=3)
    read_levelled(tiny, codes, target_lufs=target_lufs)
    found = loudness_lufs(heard[0].numpy(), tiny.description.sample_rate_hz)
    assert found == pytest.approx(target_lufs, abs=1.5), "peaks of a random codec are clipped a little"


def test_a_silent_take_has_no_loudness(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ((codes, _),) = generate_and_read(tiny, ["calm piano"], frame_count=50, seed=3)
    monkeypatch.setattr(activations, "loudness_lufs", lambda *_: -math.inf)
    with pytest.raises(ValueError, match="silent"):
        read_levelled(tiny, codes, target_lufs=TARGET_LUFS)
