"""Safe ranges and remaps from renderings, and quality gates.

Noise and held tones fail the gates.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from resonance.store.keys import taste_calibration_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.calibration.conditions import SEED, Condition
from resonance_extract.calibration.quality import Quality, failed_gates, measure
from resonance_extract.calibration.remap import STEP_SHARE_MAX, EffectPoint, fit_remap, isotonic
from resonance_extract.calibration.renderings import Measured
from resonance_extract.calibration.safe_range import fit_safe_range, remap_from
from resonance_extract.concepts.shipped import FOLDER
from resonance_extract.directions.statistics import Levels

GOOD = Quality(
    rms=0.1, clipped_share=0.0, silent_share=0.0, flatness=0.01, distance_db=0.0, repetition=0.2, log_likelihood=-4.0
)


def measured(effects: dict[float, float], broken: dict[float, dict[str, float]]) -> dict[Condition, Measured]:
    """Two prompts; `broken` replaces figures of a strength."""
    found = {}
    for prompt in ("one", "two"):
        for strength, effect in {0.0: 0.0, **effects}.items():
            quality = replace(GOOD, **broken.get(strength, {}))
            condition = Condition(prompt=prompt, strength=strength, clip_s=1.0)
            found[condition] = Measured(quality=quality, reading=5.0 + effect, shape=[0.0] * 32)
    return found


def test_the_range_ends_before_the_first_strength_that_fails_on_each_side() -> None:
    effects = {-3.0: -3.0, -1.0: -1.0, 1.0: 1.0, 2.0: 2.0, 3.0: 3.0}
    found = fit_safe_range(measured(effects, {2.0: {"silent_share": 0.9}, -3.0: {"log_likelihood": -6.8}}))
    assert (found.strength_min, found.strength_max) == (-1.0, 1.0)
    by_strength = {point.strength: list(point.failed_gates) for point in found.points}
    assert by_strength[2.0] == ["silence"]
    assert by_strength[-3.0] == ["likelihood"]
    assert by_strength[3.0] == []


def test_noise_at_the_right_level_ends_the_range() -> None:
    found = fit_safe_range(measured({1.0: 1.0, 2.0: 2.0}, {2.0: {"flatness": 0.9}}))
    assert found.strength_max == 1.0


def test_the_range_ends_where_more_strength_has_no_more_effect() -> None:
    effects = {0.25: 1.0, 0.5: 2.0, 1.0: 2.1, 2.0: 1.5, -0.25: -1.0, -0.5: -0.9, -1.0: -3.0}
    found = fit_safe_range(measured(effects, {}))
    assert found.strength_max == 0.5, "a twentieth more is not worth twice the push"
    assert found.strength_min == -1.0, "a dip on the way is no end"
    assert found.remap[-1].strength == 0.5


def test_effects_that_waver_end_the_range_where_their_monotone_fit_ends() -> None:
    found = fit_safe_range(measured({0.5: 0.1, 1.0: 3.1, 2.0: 1.9, 3.5: 3.0}, {}))
    assert found.strength_max == 3.5, "3.1 was as far beyond as 1.9 was below"
    assert found.reason_max == "every strength that was tried holds"


def test_an_effect_within_chance_is_reported_as_none() -> None:
    results = measured({1.0: 0.1, -1.0: -4.0}, {})
    for prompt, reading in (("one", 7.0), ("two", 3.1)):
        wavering = Condition(prompt=prompt, strength=1.0, clip_s=1.0)
        results[wavering] = replace(results[wavering], reading=reading)
    found = fit_safe_range(results)
    assert found.strength_max == 1.0
    assert found.reason_max == "every strength that was tried holds; no effect stands out from chance"
    assert found.reason_min == "every strength that was tried holds"
    (point,) = (one for one in found.points if one.strength == 1.0)
    assert point.effect_error == pytest.approx(1.95)


def test_effects_that_turn_round_are_no_effect_and_no_fault() -> None:
    found = fit_safe_range(measured({0.5: 0.3, 1.0: -0.5, -0.5: -0.3, -1.0: 0.3}, {}))
    assert (found.strength_min, found.strength_max) == (-1.0, 1.0)
    assert (
        found.reason_min == found.reason_max == "every strength that was tried holds; no effect stands out from chance"
    )


def test_pushed_towards_a_quiet_playlist_music_may_be_as_quiet_as_its_tracks() -> None:
    results = measured(
        {-1.0: -1.0, 1.0: 1.0, 2.0: 2.0}, {-1.0: {"rms": 0.015}, 1.0: {"rms": 0.015}, 2.0: {"rms": 0.01}}
    )
    assert fit_safe_range(results).reason_max == "closed: at 1 2 of 2 clips break (rms)"
    found = fit_safe_range(results, own=Levels(quietest=0.012, loudest=0.05))
    assert (found.strength_min, found.strength_max) == (0.0, 1.0), "and away from it no quieter than before"
    assert found.reason_max == "at 2 2 of 2 clips break (rms)"
    loud = measured({1.0: 1.0}, {1.0: {"rms": 0.5}})
    assert fit_safe_range(loud).strength_max == 0.0
    assert fit_safe_range(loud, own=Levels(quietest=0.3, loudest=0.5)).strength_max == 1.0


def test_one_broken_clip_ends_the_range_though_the_mean_holds() -> None:
    results = measured({1.0: 1.0, 2.0: 2.0}, {})
    for prompt, silent_share in (("one", 0.7), ("two", 0.0)):
        hurt = Condition(prompt=prompt, strength=2.0, clip_s=1.0)
        results[hurt] = replace(results[hurt], quality=replace(GOOD, silent_share=silent_share))
    found = fit_safe_range(results)
    (point,) = (one for one in found.points if one.strength == 2.0)
    assert (point.failed_clips, point.clip_count, list(point.failed_gates)) == (1, 2, ["single_clips"])
    assert found.strength_max == 1.0
    assert found.reason_max == "at 2 1 of 2 clips break (single_clips)"


def test_one_clip_that_breaks_where_none_does_farther_out_is_chance() -> None:
    results = measured({1.0: 1.0, 2.0: 2.0, 3.0: 3.0}, {})
    hurt = Condition(prompt="one", strength=1.0, clip_s=1.0)
    results[hurt] = replace(results[hurt], quality=replace(GOOD, silent_share=0.7))
    assert fit_safe_range(results).strength_max == 3.0
    farther = Condition(prompt="two", strength=2.0, clip_s=1.0)
    results[farther] = replace(results[farther], quality=replace(GOOD, silent_share=0.7))
    assert fit_safe_range(results).strength_max == 3.0, "other clips, and none at three times the strength"
    results[replace(hurt, strength=3.0)] = replace(results[farther])
    assert fit_safe_range(results).strength_max == 0.0, "from there on always one is no chance"


def test_a_side_that_breaks_at_once_is_closed_and_says_why() -> None:
    found = fit_safe_range(measured({-1.0: -1.0, 1.0: 1.0}, {-1.0: {"silent_share": 0.9}}))
    assert found.strength_min == 0.0
    assert found.reason_min == "closed: at -1 2 of 2 clips break (silence)"
    assert found.reason_max == "every strength that was tried holds"


def test_the_faithful_part_ends_where_the_spectra_leave_the_unsteered_ones() -> None:
    chance = np.random.default_rng(0)
    results: dict[Condition, Measured] = {}
    for prompt in "abcdefgh":
        for seed in (SEED, SEED + 1):
            shape = chance.normal(size=32).tolist()
            plain = Condition(prompt=prompt, strength=0.0, clip_s=1.0, seed=seed)
            results[plain] = Measured(quality=GOOD, reading=0.0, shape=shape)
            for strength, moved in ((1.0, 0.01), (2.0, 4.0)) if seed == SEED else ():
                steered = Condition(prompt=prompt, strength=strength, clip_s=1.0)
                moved_shape = [value + moved for value in shape]
                results[steered] = Measured(quality=GOOD, reading=strength, shape=moved_shape)
    found = fit_safe_range(results)
    ratios = {point.strength: point.frechet_ratio for point in found.points}
    assert ratios[0.0] == pytest.approx(1.0)
    assert ratios[1.0] <= 1.25 < ratios[2.0]
    assert (found.strength_max, found.faithful_max, found.faithful_min) == (2.0, 1.0, 0.0)


def test_effects_are_paired_with_the_baseline_of_the_same_prompt() -> None:
    found = fit_safe_range(measured({1.0: 0.75}, {}))
    assert [point.effect for point in found.points] == [0.0, 0.75]


def points(strengths: list[float], effects: list[float], error: float = 0.0) -> list[EffectPoint]:
    pairs = zip(strengths, effects, strict=True)
    return [EffectPoint(strength=strength, effect=effect, error=error) for strength, effect in pairs]


def test_equal_steps_of_the_slider_have_equal_effects_where_they_are_known_exactly() -> None:
    strengths = [0.75, 1.5, 2.25, 3.0]
    effects = [0.8, 1.3, 1.7, 2.0]  # most of it comes early
    knots = fit_remap(points(strengths, effects), low=0.0, high=3.0)
    positions, mapped = zip(*knots, strict=True)
    for place in (0.25, 0.5, 0.75, 1.0):
        strength = float(np.interp(place, positions, mapped))
        assert float(np.interp(strength, [0.0, *strengths], [0.0, *effects])) == pytest.approx(2.0 * place)


def test_a_side_whose_end_does_not_stand_out_from_chance_is_a_straight_line() -> None:
    strengths, effects = [0.5, 1.0, 1.5], [0.0018, -0.0005, 0.0196]
    assert fit_remap(points(strengths, effects, 0.0169), low=0.0, high=1.5)[2:] == [(1.0, 1.5)]
    assert len(fit_remap(points(strengths, effects, 0.0005), low=0.0, high=1.5)[2:]) == 3


def test_a_remap_departs_from_the_straight_line_by_what_is_more_than_noise() -> None:
    strengths, effects = [1.0, 2.0, 3.0], [1.0, 1.6, 2.0]
    straight, exact = 1 / 3, 0.5
    places = [fit_remap(points(strengths, effects, error), low=0.0, high=3.0)[2][0] for error in (0.0, 0.1, 0.2, 0.5)]
    assert places[0] == pytest.approx(exact)
    # (2/3 of an effect of 2 is 1.333: departures 0.333 and 0.267; noise 2 error^2 and their shares of the end's)
    share = 1 - (2 + 1 / 9 + 4 / 9) * 0.1**2 / (0.3333**2 + 0.2667**2)
    assert places[1] == pytest.approx(straight + share * (exact - straight), abs=1e-3)
    assert exact > places[1] > places[2] > straight
    assert places[3] == 1.0, "all of it may be noise: the line is straight"


def test_no_step_of_the_slider_moves_the_strength_by_more_than_twice_its_share() -> None:
    knots = fit_remap(points([0.5, 1.0, 1.5], [0.001, 0.002, 2.0], 0.0), low=0.0, high=1.5)
    positions, strengths = (np.array(column) for column in zip(*knots[1:], strict=True))
    steps = np.diff(strengths) / 1.5 / np.diff(positions)
    assert steps.max() == pytest.approx(STEP_SHARE_MAX)


def test_a_closed_side_stays_closed_and_no_effect_is_a_straight_line() -> None:
    assert fit_remap(points([-1.0, 1.0], [-1.0, 1.0]), low=0.0, high=1.0)[0] == (-1.0, 0.0)
    assert fit_remap(points([1.0, 2.0], [-0.5, -1.0]), low=0.0, high=2.0)[-1] == (1.0, 2.0)


EFFECTS = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@given(EFFECTS, EFFECTS, st.floats(0, 1))
def test_a_remap_never_turns_back_and_keeps_the_ends(up: list[float], down: list[float], error: float) -> None:
    effects = points([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], [*down, *up], error)
    knots = fit_remap(effects, low=-2.0, high=3.0)
    positions, strengths = zip(*knots, strict=True)
    assert (positions[0], positions[-1]) == (-1.0, 1.0)
    assert (strengths[0], strengths[-1]) == (-2.0, 3.0)
    assert (0.0, 0.0) in knots
    assert all(np.diff(positions) > 0)
    assert all(np.diff(strengths) > 0)
    for end, side in ((2.0, np.array(positions) <= 0), (3.0, np.array(positions) >= 0)):
        steps = np.diff(np.array(strengths)[side]) / end / np.diff(np.array(positions)[side])
        assert steps.max() <= STEP_SHARE_MAX * (1 + 1e-6)


def test_the_shipped_remaps_are_what_their_points_say() -> None:
    paths = sorted(FOLDER.glob("concepts/*/*.json"))
    assert len(paths) == 7
    for path in paths:
        limits = json_format.Parse(path.read_bytes(), extract_pb2.Concept()).calibration
        assert list(limits.remap) == remap_from(limits.points, low=limits.strength_min, high=limits.strength_max)


def test_every_shipped_taste_has_its_own_measured_range() -> None:
    tastes = [
        json_format.Parse(path.read_bytes(), steering_pb2.TasteSummary()) for path in FOLDER.glob("tastes/*.json")
    ]
    assert len(tastes) == 3
    for taste in tastes:
        path = FOLDER / taste_calibration_key(taste.taste_id, taste.vector_sha256)
        limits = json_format.Parse(path.read_bytes(), extract_pb2.Calibration())
        assert limits.strength_min < 0 < limits.strength_max
        assert limits.reason_min
        assert limits.reason_max


def test_isotonic_regression_pools_what_falls() -> None:
    assert isotonic([1.0, 3.0, 2.0, 4.0]) == [1.0, 2.5, 2.5, 4.0]


def test_a_held_tone_fails_the_gate_of_repetition() -> None:
    time_s = np.arange(64_000) / 16_000
    tone = (0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    steps = np.repeat(440 * 2 ** (np.arange(40) * 7 % 12 / 12), 1600)
    tune = (0.2 * np.sin(2 * np.pi * np.cumsum(steps) / 16_000)).astype(np.float32)
    held, played = (measure(one, one, sample_rate_hz=16_000) for one in (tone, tune))
    assert held.repetition == 1.0
    assert played.repetition < 0.2
    assert "repetition" in failed_gates(held, played)
