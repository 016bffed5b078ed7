"""Listening: beats and bars where there are any, none where there are not, and what is known of a take."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from support.video import beating_song, write_song

from resonance.errors import InvalidInput
from resonance_video.listening import listen
from resonance_video.listening.features import SAMPLE_RATE_HZ
from resonance_video.listening.song_map import build_song_map, told_tempo
from resonance_video.models import FRAME_RATE_HZ, KnownMusic, SongMap


def hear(samples: np.ndarray, known: KnownMusic | None = None) -> SongMap:
    return build_song_map(
        samples.astype(np.float32),
        duration_s=len(samples) / SAMPLE_RATE_HZ,
        sample_rate_hz=SAMPLE_RATE_HZ,
        sha256="0" * 64,
        known=known or KnownMusic(),
    )


@pytest.mark.parametrize("bpm", [75.0, 100.0, 125.0])
def test_beats_and_downbeats_lie_within_70_ms_of_the_true_ones(bpm: float) -> None:
    heard = hear(beating_song(bpm, 12))
    assert heard.tempo_bpm == pytest.approx(bpm, rel=0.02)
    beats, bars = np.arange(48) * 60 / bpm, np.arange(12) * 240 / bpm
    assert np.mean([np.abs(beats - beat).min() < 0.07 for beat in heard.beats_s]) > 0.95
    assert len(heard.downbeats_s) >= 11
    assert np.mean([np.abs(bars - bar).min() < 0.07 for bar in heard.downbeats_s]) > 0.95


@pytest.mark.parametrize("kind", ["silence", "noise", "chord"])
def test_music_without_a_pulse_has_no_beats_and_is_told_so(kind: str) -> None:
    count = 12 * SAMPLE_RATE_HZ
    times = np.arange(count) / SAMPLE_RATE_HZ
    samples = {
        "silence": np.zeros(count),
        "noise": np.random.default_rng(1).standard_normal(count) * 0.1,
        "chord": 0.1 * np.sin(2 * np.pi * 220 * times) + 0.1 * np.sin(2 * np.pi * 330 * times),
    }[kind]
    heard = hear(samples)
    assert heard.beats_s == ()
    assert heard.tempo_bpm is None
    assert heard.downbeats_s == ()
    assert heard.notices


def test_the_known_tempo_of_a_take_decides_the_octave() -> None:
    samples = beating_song(80, 12)
    assert hear(samples, KnownMusic(tempo_bpm=160)).tempo_bpm == pytest.approx(160, rel=0.05)
    assert hear(samples, KnownMusic(tempo_bpm=80)).tempo_bpm == pytest.approx(80, rel=0.05)


def test_a_louder_part_is_a_section_of_more_energy_that_begins_on_its_bar() -> None:
    heard = hear(beating_song(120, 16, loud_from=8))
    starts = [section.start_s for section in heard.sections]
    assert any(abs(start - 16.0) < 0.1 for start in starts)
    assert heard.section_at(24.0).energy > heard.section_at(4.0).energy + 0.2


def test_a_change_of_the_recipe_is_a_cue_and_moves_its_slider() -> None:
    known = KnownMusic(sample_rate_hz=32_000, recipe=((0, {}), (32_000 * 10, {"energy": 0.8})))
    heard = hear(beating_song(120, 10), known)
    assert [cue.at_s for cue in heard.cue_points if cue.why == "recipe"] == [pytest.approx(10.0, abs=0.8)]
    energy = heard.sliders["energy"]
    assert energy[9 * FRAME_RATE_HZ] == 0
    assert energy[11 * FRAME_RATE_HZ] == 0.8
    assert set(heard.sliders) == {"energy"}


def test_projections_replace_the_recipes_positions() -> None:
    known = KnownMusic(projections={"bass_resonance": tuple(np.linspace(-1, 1, 1000))}, projection_rate_hz=50)
    bass = hear(beating_song(120, 10), known).sliders["bass_resonance"]
    assert bass[0] < -0.9
    assert bass[-1] > 0.9
    assert sorted(bass) == list(bass)


def test_signals_have_one_value_for_each_picture_of_the_song() -> None:
    heard = hear(beating_song(100, 5))
    assert len(heard.frames.level) == np.ceil(heard.duration_s * FRAME_RATE_HZ - 1e-6)
    assert max(heard.frames.level) <= 1
    assert SongMap.from_json(heard.to_json()) == heard


@pytest.mark.parametrize(
    ("words", "bpm"), [("techno 125 bpm", 125.0), ("a slow song", 72.0), ("piano", None), ("9999 bpm", None)]
)
def test_words_tell_a_tempo(words: str, bpm: float | None) -> None:
    assert told_tempo(words) == bpm


def test_a_song_file_is_heard_in_child_processes_with_its_own_length(tmp_path: Path) -> None:
    samples = beating_song(120, 5, rate_hz=16_000)[:-777]
    heard = asyncio.run(listen(write_song(tmp_path / "song.wav", samples, 16_000), folder=tmp_path))
    assert heard.duration_s == len(samples) / 16_000
    assert heard.sample_rate_hz == 16_000
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


@pytest.mark.parametrize(("data", "reason"), [(b"", "EMPTY_FILE"), (b"no sound at all" * 99, "NOT_AUDIO")])
def test_a_file_that_is_no_song_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "song.wav").write_bytes(data)
    with pytest.raises(InvalidInput) as refusal:
        asyncio.run(listen(tmp_path / "song.wav", folder=tmp_path))
    assert refusal.value.reason == reason


def test_a_song_of_one_second_is_too_short(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", beating_song(120, 1, rate_hz=16_000)[:18_000], 16_000)
    with pytest.raises(InvalidInput) as refusal:
        asyncio.run(listen(song, folder=tmp_path))
    assert refusal.value.reason == "TOO_SHORT"
