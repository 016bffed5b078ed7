"""The meters on sounds whose answer is known: clicks at a tempo, a tone held for ever, and spoilt inputs of training."""

from __future__ import annotations

import numpy as np
import pytest
from model.training.meters import read, same_tempo

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
