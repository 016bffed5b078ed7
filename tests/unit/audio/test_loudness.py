"""BS.1770 loudness: standard tones, gates, pieces, another implementation."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resonance.audio.loudness import LoudnessMeter, block_powers, integrated_lufs, loudness_lufs


def tone(level_dbfs: float, *, rate_hz: int = 48_000, duration_s: float = 4.0) -> NDArray[np.float64]:
    """A sine of 997 Hz whose peak has `level_dbfs`."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 997 * time_s)


def music(rate_hz: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Noise with a falling spectrum and a slow swell."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.normal(size=rate_hz * 12))
    steps -= np.convolve(steps, np.ones(rate_hz // 30) / (rate_hz // 30), "same")
    return 0.2 * steps / np.abs(steps).max() * (1.2 + np.sin(np.arange(len(steps)) / rate_hz))


def test_a_full_scale_sine_in_one_channel_has_minus_three_lufs() -> None:
    """BS.1770-5, annex 1: 0 dBFS at 997 Hz in one front channel reads -3.01 LKFS."""
    assert loudness_lufs(tone(0.0), 48_000) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate_hz", [16_000, 32_000, 44_100, 48_000])
def test_every_rate_agrees_with_another_implementation(rate_hz: int) -> None:
    sound = music(rate_hz)
    assert loudness_lufs(sound, rate_hz) == pytest.approx(pyloudnorm.Meter(rate_hz).integrated_loudness(sound), abs=0.2)


def test_silence_between_is_gated_out() -> None:
    sound = np.concatenate([tone(-20.0), np.zeros(48_000 * 60), tone(-20.0)])
    assert loudness_lufs(sound, 48_000) == pytest.approx(loudness_lufs(tone(-20.0), 48_000), abs=0.3)


def test_soft_passages_below_the_relative_gate_do_not_count() -> None:
    sound = np.concatenate([tone(-20.0, duration_s=20.0), tone(-45.0, duration_s=20.0)])
    assert loudness_lufs(sound, 48_000) == pytest.approx(loudness_lufs(tone(-20.0), 48_000), abs=0.2)


def test_digital_silence_has_no_loudness() -> None:
    assert loudness_lufs(np.zeros(48_000), 48_000) == -math.inf
    assert loudness_lufs(np.zeros(0), 48_000) == -math.inf


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 16_000 * 3), max_size=6), gain_db=st.floats(-18, 6))
def test_pieces_measure_as_the_whole_and_a_gain_moves_the_loudness_by_itself(cuts: list[int], gain_db: float) -> None:
    sound = music(16_000)[: 16_000 * 3]
    meter = LoudnessMeter(16_000)
    for piece in np.split(10 ** (gain_db / 20) * sound, sorted(cuts)):
        meter.add(piece)
    assert integrated_lufs(meter.block_powers()) == pytest.approx(loudness_lufs(sound, 16_000) + gain_db, abs=1e-6)


def test_less_than_a_block_is_one_block() -> None:
    assert len(block_powers(tone(-20.0, duration_s=0.1), 48_000)) == 1
