"""Heard tempo and key: known sounds, reasons for none, child process."""

from __future__ import annotations

import numpy as np
import pytest

from resonance_generate.musical.keys import parse_key
from resonance_generate.takes.hearing import hear, hear_in_child

RATE_HZ = 16_000
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}


def clicks(bpm: float, seconds: float = 10.0) -> bytes:
    audio = np.zeros(round(seconds * RATE_HZ), np.int16)
    for start in np.arange(0, len(audio) - 800, RATE_HZ * 60 / bpm).astype(int):
        audio[start : start + 800] = 12_000 * np.hanning(800)
    return audio.tobytes()


def chords(*triads: tuple[int, str], seconds: float = 8.0) -> bytes:
    """The triads in turn, a second each, with a few partials."""
    times = np.arange(RATE_HZ) / RATE_HZ
    parts = []
    for number in range(round(seconds)):
        root, mode = triads[number % len(triads)]
        pitches = [220.0 * 2 ** ((root + step - 9) / 12) for step in TRIADS[mode]]
        tone = sum(np.sin(2 * np.pi * pitch * partial * times) / partial for pitch in pitches for partial in (1, 2, 3))
        parts.append(tone * np.exp(-2 * times))
    audio = np.concatenate(parts)
    return (8_000 * audio / np.abs(audio).max()).astype("<i2").tobytes()


@pytest.mark.parametrize("bpm", [60.0, 62.5, 93.75, 120.0, 128.0, 174.0])
def test_the_tempo_of_clicks_is_heard_in_the_octave_that_was_told(bpm: float) -> None:
    heard = hear(clicks(bpm), RATE_HZ, told_bpm=bpm)
    assert heard["bpm"] == pytest.approx(bpm, rel=0.01)
    assert heard["bpm_confidence"] > 0.5


def test_a_told_tempo_moves_the_heard_one_by_octaves_alone() -> None:
    for told in (58.0, 65.0, 130.0, 240.0):
        heard = hear(clicks(125.0), RATE_HZ, told_bpm=told)["bpm"]
        assert min(abs(heard / (125.0 * octave) - 1) for octave in (0.25, 0.5, 1, 2, 4)) < 0.01
    assert hear(clicks(125.0), RATE_HZ, told_bpm=65.0)["bpm"] == pytest.approx(62.5, rel=0.01)


@pytest.mark.parametrize(
    ("triads", "key"),
    [
        (((0, "major"), (5, "major"), (7, "major"), (0, "major")), "C major"),
        (((9, "minor"), (2, "minor"), (4, "minor"), (9, "minor")), "A minor"),
        (((6, "minor"), (11, "minor"), (1, "minor"), (6, "minor")), "F# minor"),
        (((10, "major"), (3, "major"), (5, "major"), (10, "major")), "Bb major"),
    ],
)
def test_the_key_of_cadences_is_heard(triads: tuple[tuple[int, str], ...], key: str) -> None:
    heard = hear(chords(*triads), RATE_HZ)
    assert heard["key"] == key
    assert parse_key(key) is not None
    assert 0.4 <= heard["key_confidence"] <= 1


def test_a_take_says_why_it_has_no_tempo_and_no_key() -> None:
    noise = (3_000 * np.random.default_rng(1).standard_normal(8 * RATE_HZ)).astype("<i2").tobytes()
    assert hear(noise, RATE_HZ) == {"no_bpm": "no steady pulse", "no_key": "no clear key"}
    assert hear(bytes(16 * RATE_HZ), RATE_HZ) == {"no_bpm": "no steady pulse", "no_key": "no clear key"}
    assert hear(clicks(120.0, 2.0), RATE_HZ) == {"no_bpm": "shorter than 3 s", "no_key": "shorter than 3 s"}


async def test_the_child_hears_what_this_process_hears() -> None:
    sound = clicks(120.0)
    assert await hear_in_child(sound, RATE_HZ, 118.0) == hear(sound, RATE_HZ, 118.0)


async def test_a_child_that_fails_is_the_reason() -> None:
    heard = await hear_in_child(clicks(120.0), 0)
    assert heard == {"no_bpm": "the meters failed", "no_key": "the meters failed"}
