"""Mix of speech and music: ducked under speech, untouched elsewhere, as long as the music, no peak above the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from resonance.audio.speech_mix import (
    DUCKING_DB,
    FALL_S,
    HOLD_S,
    RISE_S,
    ducking_gain,
    mix,
    resample,
)

RATE_HZ = 16_000


def tone(seconds: float, hz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def music(seconds: float, channels: int = 1) -> np.ndarray:
    return np.repeat((tone(seconds, 300.0) * 32767).astype(np.int16)[:, None], channels, axis=1)


def test_the_music_is_down_while_a_sentence_is_spoken_and_untouched_elsewhere() -> None:
    gain = ducking_gain([(3.0, 5.0)], sample_count=10 * RATE_HZ, sample_rate_hz=RATE_HZ)
    at = lambda second: float(20 * np.log10(gain[round(second * RATE_HZ)]))  # noqa: E731
    assert at(0.0) == at(3.0 - FALL_S - 0.01) == 0.0
    assert at(3.0) == at(4.0) == at(4.99) == pytest.approx(-DUCKING_DB, abs=0.01)
    assert at(5.0 + RISE_S + 0.01) == at(9.9) == 0.0
    steps = np.abs(np.diff(20 * np.log10(gain)))
    assert steps.max() <= 1.01 * DUCKING_DB / (FALL_S * RATE_HZ), "a jump would be heard as a click"


def test_the_music_stays_down_between_sentences_that_follow_each_other_soon() -> None:
    near, far = (
        ducking_gain([(1.0, 2.0), (2.0 + gap, 5.0)], sample_count=8 * RATE_HZ, sample_rate_hz=RATE_HZ)
        for gap in (HOLD_S - 0.1, HOLD_S + 0.1)
    )
    between = round((2.0 + HOLD_S / 2) * RATE_HZ)
    assert near[between] == pytest.approx(10 ** (-DUCKING_DB / 20), abs=1e-3)
    assert far[round((2.0 + RISE_S + 0.05) * RATE_HZ)] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_mix_has_the_musics_shape_and_no_peak_above_the_ceiling(channels: int) -> None:
    bed = music(6.0, channels)
    mixed = mix(bed, [(1.0, tone(1.5, 700.0, 0.9)), (3.5, tone(1.0, 900.0, 0.9))], sample_rate_hz=RATE_HZ)
    assert (mixed.shape, mixed.dtype) == (bed.shape, np.int16)
    assert np.abs(mixed).max() <= 32767 * 10 ** (-1.0 / 20) + 1


def test_speech_is_heard_over_the_music_and_the_music_alone_elsewhere() -> None:
    mixed = mix(music(8.0), [(3.0, tone(2.0, 1000.0, 0.02))], sample_rate_hz=RATE_HZ)[:, 0] / 32768

    def power_db(start_s: float, hz: float) -> float:
        part = mixed[round(start_s * RATE_HZ) : round((start_s + 0.5) * RATE_HZ)]
        turns = np.exp(-2j * np.pi * hz * np.arange(len(part)) / RATE_HZ)
        return float(20 * np.log10(np.abs(np.mean(part * turns)) + 1e-9))

    assert power_db(3.5, 1000.0) - power_db(3.5, 300.0) > 5, "quiet speech is brought up over the music"
    assert power_db(3.5, 300.0) - power_db(1.0, 300.0) == pytest.approx(-DUCKING_DB, abs=0.1)
    assert power_db(7.0, 300.0) == pytest.approx(power_db(1.0, 300.0), abs=0.01)
    assert power_db(1.0, 1000.0) < -80


def test_silent_music_stays_silent_and_speech_past_its_end_is_cut() -> None:
    mixed = mix(np.zeros((2 * RATE_HZ, 1), np.int16), [(1.5, tone(1.0, 500.0))], sample_rate_hz=RATE_HZ)
    assert len(mixed) == 2 * RATE_HZ
    assert not mixed[:RATE_HZ].any()
    assert mixed[-100:].any()


@pytest.mark.parametrize("to_hz", [16_000, 32_000, 44_100])
def test_resampling_keeps_the_pitch_and_the_length(to_hz: int) -> None:
    samples = (0.5 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)).astype(np.float32)
    found = resample(samples, 24_000, to_hz)
    assert abs(len(found) - to_hz) <= to_hz // 200
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    assert spectrum.argmax() * to_hz / len(found) == pytest.approx(440, abs=2)
