"""Meters on known sounds: clicks, held tones, spoilt inputs."""

from __future__ import annotations

import numpy as np
import pytest
from model.training.meters import motion, read, same_tempo

RATE_HZ = 16_000


def clicks(bpm: float, seconds: float = 10.0) -> np.ndarray:
    audio = np.zeros(round(seconds * RATE_HZ), np.float32)
    burst = np.sin(np.arange(800) * 0.2) * np.exp(-np.arange(800) / 160)
    for start in np.arange(0, len(audio) - 800, RATE_HZ * 60 / bpm).astype(int):
        audio[start : start + 800] += burst.astype(np.float32)
    return audio


@pytest.mark.parametrize("bpm", [62.5, 75.0, 93.75, 125.0, 150.0, 187.5])
def test_the_tempo_of_clicks_is_heard_in_some_octave(bpm: float) -> None:
    assert same_tempo(read(clicks(bpm)).tempo_bpm, bpm, octaves=True)


def test_same_tempo_tells_octaves_apart_when_asked_to() -> None:
    assert same_tempo(62.5, 125, octaves=True)
    assert not same_tempo(62.5, 125, octaves=False)
    assert not same_tempo(100, 125, octaves=True)


def test_a_tone_held_after_the_first_second_is_a_collapse_and_clicks_are_none() -> None:
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE_HZ) / RATE_HZ).astype(np.float32)
    music = clicks(120)
    stuck = np.concatenate([music[:RATE_HZ] + tone[:RATE_HZ], tone[RATE_HZ:]])
    assert read(stuck).collapse in {"held", "drone"}
    assert read(music).collapse == ""


def test_one_sound_struck_again_and_again_stands_still_and_a_change_of_pitch_does_not() -> None:
    times = np.arange(10 * RATE_HZ) / RATE_HZ
    strokes = 0.5 + 0.5 * np.exp(-(times % 0.1) * 20)
    chugged = (0.2 * strokes * np.sign(np.sin(2 * np.pi * 110 * times))).astype(np.float32)
    assert read(chugged).still_s > 9
    pitch = np.where(times % 4 < 2, 110.0, 196.0)
    changed = (0.2 * strokes * np.sign(np.sin(2 * np.pi * pitch * times))).astype(np.float32)
    assert read(changed).still_s < 3


def chord(*pitches_hz: float, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.sum([np.sin(2 * np.pi * pitch * times) for pitch in pitches_hz], axis=0).astype(np.float32) * 0.1


def test_one_chord_does_not_move_and_two_in_turn_do() -> None:
    tonic, other = chord(261.6, 329.6, 392.0), chord(293.7, 349.2, 440.0)
    assert motion(np.tile(tonic, 8)) < 0.01
    assert motion(np.concatenate([tonic, other] * 4)) > 0.3


def test_motion_does_not_hear_level_and_silence_does_not_move() -> None:
    tonic, other = chord(261.6, 329.6, 392.0), chord(293.7, 349.2, 440.0)
    moving = np.concatenate([tonic, other] * 4)
    assert motion(moving * 0.1) == pytest.approx(motion(moving), abs=0.02)
    assert motion(chord(220.0, seconds=1.5)) == 0.0


def test_a_clip_that_lies_beside_zero_is_read_so() -> None:
    reading = read(clicks(120) + np.float32(0.05))
    assert reading.offset == pytest.approx(0.05, abs=0.01)
    assert reading.first_sample == pytest.approx(0.05, abs=0.01)
