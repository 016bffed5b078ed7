"""Playlist descriptions: audio features of known sounds, Gemini protocol."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
import pytest
from support.gemini import KEY, gemini_server

from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import steering_pb2
from resonance_extract.activations.audio_features import COLUMN_COUNT, COLUMNS, minor_margin, read_meters
from resonance_extract.gemini import open_gemini
from resonance_extract.tastes.describer import CarefulDescriber, MeterDescriber, PlaylistSound, to_sentence
from resonance_extract.tastes.gemini_describer import GeminiDescriber

RATE = 16_000


def clicks(bpm: float, length_s: float = 10.0) -> np.ndarray:  # type: ignore[type-arg]
    """Short decaying notes on every beat."""
    samples = np.zeros(round(length_s * RATE), dtype=np.float32)
    note = (np.exp(-np.arange(1600) / 300) * np.sin(2 * np.pi * 440 * np.arange(1600) / RATE)).astype(np.float32)
    for beat in range(int(length_s * bpm / 60)):
        start = round(beat * 60 / bpm * RATE)
        samples[start : start + 1600] += 0.5 * note[: len(samples) - start]
    return samples


def chord(midi: tuple[int, ...], level: float = 0.1) -> np.ndarray:  # type: ignore[type-arg]
    times = np.arange(5 * RATE) / RATE
    return sum(level * np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * times) for key in midi).astype(np.float32)  # type: ignore[union-attr]


def meters_of(samples: np.ndarray) -> dict[str, float]:  # type: ignore[type-arg]
    return dict(zip(COLUMNS, read_meters(samples, sample_rate_hz=RATE).tolist(), strict=False))


@pytest.mark.parametrize("bpm", [70.0, 90.0, 120.0, 150.0])
def test_the_tempo_and_the_onsets_of_a_click_track_are_measured(bpm: float) -> None:
    found = meters_of(clicks(bpm))
    ratio = found["tempo_bpm"] / bpm
    assert min(abs(ratio - one) for one in (0.5, 1.0, 2.0)) < 0.06
    assert found["onsets_per_s"] == pytest.approx(bpm / 60, rel=0.15)


def test_level_brightness_and_low_share_of_known_sounds() -> None:
    low, high = chord((33,)), chord((93,))
    assert meters_of(low)["low_share"] > 0.95 > 0.05 > meters_of(high)["low_share"]
    assert meters_of(high)["brightness_hz"] == pytest.approx(1760, rel=0.1)
    assert meters_of(chord((69,), 0.2))["loudness_dbfs"] == pytest.approx(20 * np.log10(0.2 / np.sqrt(2)), abs=0.1)


def test_minor_and_major_chords_are_separated() -> None:
    minor = read_meters(chord((57, 60, 64, 69)), sample_rate_hz=RATE)[len(COLUMNS) :]
    major = read_meters(chord((60, 64, 67, 72)), sample_rate_hz=RATE)[len(COLUMNS) :]
    assert minor_margin(minor.astype(np.float64)) > 0 > minor_margin(major.astype(np.float64))


def test_silence_has_meters_too() -> None:
    row = read_meters(np.zeros(RATE, dtype=np.float32), sample_rate_hz=RATE)
    assert row.shape == (COLUMN_COUNT,)
    assert np.isfinite(row).all()
    assert meters_of(np.zeros(RATE, dtype=np.float32))["tempo_bpm"] == 0


def sound(samples: list[np.ndarray], *, is_new: bool = True) -> PlaylistSound:  # type: ignore[type-arg]
    return PlaylistSound(
        meters=np.stack([read_meters(one, sample_rate_hz=RATE) for one in samples]),
        weights=np.full(len(samples), 1 / len(samples), dtype=np.float32),
        samples=samples if is_new else [],
        sample_rate_hz=RATE,
    )


async def test_words_follow_the_meters() -> None:
    slow = await MeterDescriber().describe(sound([0.1 * clicks(60.0), 0.1 * clicks(60.0)]))
    fast = await MeterDescriber().describe(sound([clicks(150.0), clicks(150.0)]))
    assert {"slow", "calm"} <= set(slow.words)
    assert "fast" in fast.words
    assert slow.source == "meters"
    assert "60 beats a minute" in to_sentence(slow)


async def test_clips_of_weight_zero_do_not_count() -> None:
    one = sound([clicks(60.0), chord((33,))])
    quiet = await MeterDescriber().describe(
        PlaylistSound(meters=one.meters, weights=np.array([1.0, 0.0], np.float32), samples=[], sample_rate_hz=RATE)
    )
    assert quiet.low_share == pytest.approx(float(one.meters[0, COLUMNS.index("low_share")]))


async def test_a_song_that_is_there_three_times_keeps_its_tempo() -> None:
    three = sound([clicks(60.0)] * 3)
    once = PlaylistSound(
        meters=three.meters, weights=np.array([1.0, 0.0, 0.0], np.float32), samples=[], sample_rate_hz=RATE
    )
    assert (await MeterDescriber().describe(once)).tempo_bpm == pytest.approx(60.0, rel=0.06)


ANSWER = {
    "genre": "jazz",
    "instruments": ["piano", "upright bass"],
    "moods": ["warm"],
    "tempo": "slow",
    "texture": "sparse",
}


async def described(
    answer: object, playlist: PlaylistSound
) -> tuple[steering_pb2.TasteCharacter, list[dict[str, object]]]:
    async with gemini_server() as server:
        server.answers = [answer] * 8  # type: ignore[list-item]
        gemini = open_gemini(Settings(gemini_api_key=KEY, gemini_url=server.url, gemini_s_max=2.0), MemoryStore())
        assert gemini is not None
        found = await CarefulDescriber(GeminiDescriber(gemini)).describe(playlist)
        await gemini.close()
    return found, server.asked


async def test_gemini_gets_wav_clips_and_answers_under_a_schema() -> None:
    found, (asked,) = await described(ANSWER, sound([clicks(60.0)]))
    assert list(found.words) == ["jazz", "piano", "upright bass", "warm", "slow", "sparse"]
    assert (found.genre, list(found.instruments), found.tempo) == ("jazz", ["piano", "upright bass"], "slow")
    assert (list(found.moods), list(found.textures)) == (["warm"], ["sparse"]), "nothing of the meters' words is left"
    assert found.source == "gemini-2.5-flash"
    assert found.onsets_per_s > 0, "the figures stay the meters' own"
    clip = asked["contents"][0]["parts"][0]["inlineData"]  # type: ignore[index]
    assert "audio/wav" in {clip.get("mimeType"), clip.get("mime_type")}
    data = clip["data"].replace("-", "+").replace("_", "/")
    with wave.open(io.BytesIO(base64.b64decode(data + "=" * (-len(data) % 4)))) as sent:
        assert (sent.getframerate(), sent.getnframes()) == (RATE, 10 * RATE)
    assert set(asked["generationConfig"]["responseSchema"]["required"]) == set(ANSWER)  # type: ignore[index]


@pytest.mark.parametrize(
    "answer", [500, "prose", ANSWER | {"instruments": ["x" * 100]}], ids=["error", "prose", "too long"]
)
async def test_where_gemini_fails_the_meters_speak(answer: object) -> None:
    found, asked = await described(answer, sound([clicks(60.0)]))
    assert found.source == "meters"
    assert "slow" in found.words
    assert asked


async def test_a_playlist_that_was_read_before_sends_no_clip() -> None:
    found, asked = await described(ANSWER, sound([clicks(60.0)], is_new=False))
    assert found.source == "meters"
    assert asked == []
