"""Directions planted in activations: recovered direction, sign and layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from resonance.errors import InvalidInput
from resonance.rpc.validation import validate
from resonance.steering.taste_options import check_taste_options
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.audio_features import COLUMN_COUNT
from resonance_extract.calibration.quality import failed_gates, measure
from resonance_extract.directions.contrasts import Contrast, mean_difference, natural_sizes, same_music
from resonance_extract.directions.layer_scores import best_layers, layer_gains, layer_scores, roc_auc
from resonance_extract.directions.mixing import IndexedTrack, Mix, clip_weights, novelty_curve
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.statistics import ReferenceStatistics, TrackStatistics
from resonance_extract.tastes.mixes import to_mix
from resonance_model.steering.stacking import WeightedDirection, stack

LAYERS, HIDDEN, PLANTED = 6, 64, 3


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """States of 120 samples with and without a direction that exists at one layer alone, and the direction."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(size=HIDDEN)
    truth /= np.linalg.norm(truth)
    more, less = chance.normal(size=(2, 120, LAYERS, HIDDEN))
    more[:, PLANTED] += 6.0 * truth
    return more.astype(np.float32), less.astype(np.float32), truth


def in_pairs(more: np.ndarray, less: np.ndarray, count: int) -> list[Contrast]:  # type: ignore[type-arg]
    """Sample i belongs to pair i modulo `count`."""
    return [Contrast(more=more[pair::count], less=less[pair::count]) for pair in range(count)]


def reference(scale: float = 1.0) -> ReferenceStatistics:
    return ReferenceStatistics(
        mean=np.zeros((LAYERS, HIDDEN), dtype=np.float32),
        variance=np.full((LAYERS, HIDDEN), scale**2, dtype=np.float32),
        pieces=np.zeros((0, LAYERS, HIDDEN), dtype=np.float32),
    )


def test_diffmean_recovers_the_planted_direction_and_its_sign() -> None:
    more, less, truth = planted()
    direction = build_direction(more.mean(0) - less.mean(0), reference(), model_digest="m")
    found = direction.per_layer[PLANTED]
    assert found @ truth / np.linalg.norm(found) >= 0.95


def test_the_layer_scan_finds_the_planted_layer() -> None:
    more, less, _ = planted()
    scores = layer_scores(in_pairs(more, less, 10), reference())
    assert best_layers(scores)[0] == PLANTED
    assert scores[PLANTED].auc >= 0.99
    assert all(score.auc < 0.8 for score in scores if score.layer != PLANTED)


def test_a_concept_that_is_nothing_scores_as_chance() -> None:
    chance = np.random.default_rng(5)
    more, less = chance.normal(size=(2, 200, 1, HIDDEN)).astype(np.float32)
    whole = reference()
    one_layer = replace(whole, mean=whole.mean[:1], variance=whole.variance[:1])
    (score,) = layer_scores(in_pairs(more, less, 50), one_layer)
    assert abs(score.auc - 0.5) < 0.12
    assert abs(score.separation) < 0.5


def test_one_pair_of_unequal_sets_is_held_out_by_its_pieces() -> None:
    more, less, _ = planted()
    scores = layer_scores([Contrast(more=more[:20], less=less[:7])], reference())
    assert scores[PLANTED].auc >= 0.95
    assert scores[PLANTED].separation > 3
    lonely = layer_scores([Contrast(more=more[:1], less=less[:1])], reference())
    assert {score.auc for score in lonely} == {0.5}, "with one piece on a side there is nothing to hold out"


def test_only_layers_that_know_the_concept_act_and_each_in_proportion() -> None:
    more, less, _ = planted()
    more[:, PLANTED + 1] += 3.0 * np.eye(HIDDEN)[0]
    contrasts = in_pairs(more, less, 10)
    scores = layer_scores(contrasts, reference())
    difference = mean_difference(contrasts)
    gains = layer_gains(
        natural_sizes(difference, build_direction(difference, reference(), model_digest="m").per_layer), scores
    )
    assert gains[PLANTED] == 1.0
    assert gains[PLANTED + 1] == pytest.approx(0.5, abs=0.1)
    assert {gains[layer] for layer in range(LAYERS) if layer not in (PLANTED, PLANTED + 1)} == {0.0}


def test_where_no_layer_knows_it_all_layers_act_alike() -> None:
    chance = [extract_pb2.LayerScore(layer=layer, auc=0.5) for layer in range(3)]
    assert layer_gains(np.ones(3, np.float32), chance) == {}


def test_the_same_music_under_two_texts_differs_by_the_texts_alone() -> None:
    chance = np.random.default_rng(3)
    music = 50 * chance.normal(size=(8, LAYERS, HIDDEN)).astype(np.float32)
    words = np.eye(HIDDEN, dtype=np.float32)[0]
    contrast = same_music(music + words, music)
    assert contrast.difference == pytest.approx(np.broadcast_to(words, (LAYERS, HIDDEN)), abs=1e-4)
    assert float(np.abs(contrast.more).max()) < 1, "the music itself is subtracted"


def test_a_unit_of_strength_is_one_standard_deviation_of_the_residual() -> None:
    more, less, _ = planted()
    for scale in (0.1, 1.0, 30.0):
        direction = build_direction(more.mean(0) - less.mean(0), reference(scale), model_digest="m")
        np.testing.assert_allclose(np.linalg.norm(direction.per_layer, axis=1), scale, rtol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(direction.one_to_all, axis=1), scale, rtol=1e-5)


def test_two_equal_sets_have_no_direction() -> None:
    with pytest.raises(InvalidInput, match="nothing to steer by"):
        build_direction(np.zeros((LAYERS, HIDDEN), dtype=np.float32), reference(), model_digest="m")


def test_steering_touches_the_conditional_branch_alone_by_default(tiny: object) -> None:
    from resonance_model.loaded_model import LoadedModel

    assert isinstance(tiny, LoadedModel)
    array = np.ones((tiny.config.layer_count, tiny.config.hidden_size), dtype=np.float32)
    from resonance.steering.direction import Direction

    direction = Direction(model_digest="m", per_layer=array, one_to_all=2 * array)
    push = WeightedDirection(direction=direction, strength=2.0, layer_gains={1: 0.5})
    one = stack([push], tiny.config, digest="m", both_branches=False, is_joint=False)
    both = stack([push, push], tiny.config, digest="m", both_branches=True, is_joint=False)
    assert one is not None
    assert both is not None
    assert torch.equal(one.steering[:, 0, 0], torch.tensor([2.0, 1.0, 2.0]))
    assert not one.steering[:, 1].any()
    assert torch.equal(both.steering[:, 0], both.steering[:, 1])
    nothing = WeightedDirection(direction=direction, strength=0.0)
    assert stack([nothing], tiny.config, digest="m", both_branches=True, is_joint=False) is None


# --- mixing


def track(index: int, means: np.ndarray, rms: list[float] | None = None) -> IndexedTrack:  # type: ignore[type-arg]
    count = len(means)
    starts = np.arange(count, dtype=np.float32) * 8
    return IndexedTrack(
        index=index,
        statistics=TrackStatistics(
            means=means.astype(np.float32),
            starts_s=starts,
            ends_s=starts + 10,
            rms=np.asarray(rms or [0.1] * count, dtype=np.float32),
            meters=np.zeros((count, COLUMN_COUNT), dtype=np.float32),
            variances=np.ones_like(means, dtype=np.float32),
            blocks=np.full((count, 97), 1e-2, np.float32),
        ),
    )


def song(seed: int, count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(size=(count, LAYERS, HIDDEN))


def test_the_mean_counts_every_track_alike_however_long() -> None:
    weights = clip_weights([track(0, song(0, 2)), track(1, song(1, 8))], Mix())
    assert [weight.sum() for weight in weights] == pytest.approx([0.5, 0.5])


def test_of_chosen_ranges_a_clip_counts_by_its_length() -> None:
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT)
    long, short = track(0, song(0, 2)), track(1, song(1, 2))
    short.statistics.starts_s[1], short.statistics.ends_s[1] = 20, 22  # the second clip is of a range of two seconds
    weights = clip_weights([long, short], to_mix(options))
    assert [weight.tolist() for weight in weights] == [pytest.approx([5 / 18, 4 / 18]), pytest.approx([5 / 12, 1 / 12])]


def test_attention_counts_the_chorus_more_than_the_intro() -> None:
    verse, chorus = song(1, 1)[0], song(2, 1)[0]
    clips = np.stack([song(3, 1)[0], verse, chorus, song(4, 1)[0], chorus, chorus])
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_ATTENTION_WEIGHTED)
    (weights,) = clip_weights([track(0, clips, [0.05, 0.1, 0.2, 0.1, 0.2, 0.2])], to_mix(options))
    assert weights[[2, 4, 5]].sum() > 0.8
    assert weights.sum() == pytest.approx(1)
    options.attention_temperature = 100
    even = track(0, clips)
    (flat,) = clip_weights([even], to_mix(options))
    by_second = flat / even.statistics.new_s
    assert by_second.max() / by_second.min() < 1.1


def test_novelty_is_highest_where_another_section_begins() -> None:
    verse, chorus = np.eye(2)
    states = np.stack([verse] * 4 + [chorus] * 3)
    states = states - states.mean(axis=0)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    novelty = novelty_curve(np.where(np.eye(7, dtype=bool), 0.0, states @ states.T))
    assert int(novelty.argmax()) == 4
    assert novelty[4] == pytest.approx(2), "each side is like itself, and the two are opposites"
    assert novelty[[1, 2, 6]] == pytest.approx(0), "nothing begins in the middle of a section, or at the track's end"


def test_attention_counts_the_beginning_of_something_new_more_than_its_middle() -> None:
    near = 0.2 * song(3, 8)
    clips = np.concatenate([np.tile(song(1, 1), (4, 1, 1)), np.tile(song(2, 1), (4, 1, 1))]) + near
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_ATTENTION_WEIGHTED)
    (weights,) = clip_weights([track(0, clips)], to_mix(options))
    assert weights[4] > 2 * weights[[2, 6]].max()


def test_a_track_counts_in_proportion_to_its_stars() -> None:
    tracks = [track(index, song(index, 2)) for index in range(3)]
    for mode in (steering_pb2.MIX_MODE_MEAN, steering_pb2.MIX_MODE_ATTENTION_WEIGHTED):
        weights = clip_weights(tracks, to_mix(steering_pb2.TasteOptions(mix_mode=mode, stars=[5, 1])))
        assert [one.sum() for one in weights] == pytest.approx([5 / 9, 1 / 9, 3 / 9]), (
            "a track without stars counts as 3"
        )
    unrated = clip_weights(tracks, to_mix(steering_pb2.TasteOptions()))
    assert [one.tolist() for one in unrated] == [pytest.approx([10 / 18 / 3, 8 / 18 / 3])] * 3
    with pytest.raises(InvalidInput, match=r"stars\[1\]: must be at most 5"):
        validate(steering_pb2.TasteOptions(stars=[3, 6]))


def test_ranges_of_less_than_a_taste_needs_are_refused_before_any_clip_is_read() -> None:
    options = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT)
    options.ranges.add(track_index=0, start_s=0.5, end_s=2.5)
    options.ranges.add(track_index=0, start_s=1, end_s=3.4)
    with pytest.raises(
        InvalidInput, match=r"the chosen ranges hold 2\.9 s of music; a taste needs at least 3 s"
    ) as caught:
        check_taste_options(options)
    assert caught.value.reason == "TOO_LITTLE_MUSIC"
    options.ranges.add(track_index=1, start_s=1, end_s=2)
    check_taste_options(options)


# --- quality


def noise(level: float) -> np.ndarray:  # type: ignore[type-arg]
    return (np.random.default_rng(1).normal(size=32_000) * level).astype(np.float32)


def hum(level: float) -> np.ndarray:  # type: ignore[type-arg]
    time_s = np.arange(32_000) / 16_000
    return (level * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32)


@pytest.mark.parametrize(
    ("broken", "gate"),
    [(noise(0.1), "flatness"), (hum(0.2) * 0, "silence"), (np.clip(hum(20.0), -1, 1), "clipping"), (hum(0.001), "rms")],
)
def test_broken_music_and_noise_fail_their_gates(broken: np.ndarray, gate: str) -> None:  # type: ignore[type-arg]
    unsteered = measure(hum(0.2), hum(0.2), sample_rate_hz=16_000)
    assert failed_gates(unsteered, unsteered) == []
    assert gate in failed_gates(measure(broken, hum(0.2), sample_rate_hz=16_000), unsteered)


def test_auc_of_a_known_case() -> None:
    assert roc_auc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == 0.875
    assert best_layers([extract_pb2.LayerScore(layer=0, auc=0.7), extract_pb2.LayerScore(layer=1, auc=0.9)], 1) == [1]
