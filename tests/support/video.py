"""Songs, maps and scripts of the video tests: small, made with numpy, with known beats and bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resonance.audio.wav import pcm16, wav_header
from resonance_video.listening.features import SAMPLE_RATE_HZ
from resonance_video.models import (
    CuePoint,
    Section,
    SectionRole,
    SongFrames,
    SongMap,
)

RATE_HZ = 16_000
Samples = NDArray[np.float32]
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))


def beating_song(bpm: float, bars: int, *, rate_hz: int = SAMPLE_RATE_HZ, loud_from: int = 10**6) -> Samples:
    """Drums on each beat, a bass on the first, and a chord that changes with each bar; louder from bar `loud_from` on."""
    beat = 60 / bpm
    count = round(bars * 4 * beat * rate_hz)
    times = np.arange(count) / rate_hz
    song = np.zeros(count)
    random = np.random.default_rng(1)
    for number in range(bars * 4):
        start = round(number * beat * rate_hz)
        length = min(round(0.12 * rate_hz), count - start)
        decay = np.exp(-np.arange(length) / (0.02 * rate_hz))
        song[start : start + length] += 0.25 * random.standard_normal(length) * decay
        if number % 4 == 0:
            song[start : start + length] += 0.5 * np.sin(2 * np.pi * 60 * np.arange(length) / rate_hz) * decay
    for bar in range(bars):
        inside = (times >= bar * 4 * beat) & (times < (bar + 1) * 4 * beat)
        for tone in _CHORDS[bar % len(_CHORDS)]:
            song[inside] += 0.03 * np.sin(2 * np.pi * 220 * 2 ** (tone / 12) * times[inside])
    song[: min(round(loud_from * 4 * beat * rate_hz), count)] *= 0.2 if loud_from < bars else 1.0
    return (0.5 * song / np.abs(song).max()).astype(np.float32)


def write_song(path: Path, samples: Samples, rate_hz: int = SAMPLE_RATE_HZ, channels: int = 1) -> Path:
    """A 16-bit WAV file of mono samples, the same in all channels."""
    data = pcm16(np.repeat(samples, channels) if channels > 1 else samples)
    path.write_bytes(wav_header(sample_rate_hz=rate_hz, channel_count=channels, sample_count=len(samples)) + data)
    return path


def song_map(
    duration_s: float = 16.0,
    *,
    bpm: float | None = 120.0,
    energies: tuple[float, ...] = (0.2, 0.9, 0.3),
    sha256: str = "0" * 64,
) -> SongMap:
    """A map with equally long sections, and cues on its bars."""
    count = int(np.ceil(duration_s * 24 - 1e-6))
    beat = 60 / bpm if bpm else 0
    beats = tuple(np.arange(0, duration_s, beat).round(4).tolist()) if bpm else ()
    edges = np.linspace(0, duration_s, len(energies) + 1)
    roles = [SectionRole.CHORUS if energy > 0.6 else SectionRole.VERSE for energy in energies]
    wave = tuple((0.5 + 0.5 * np.sin(np.arange(count) / 5)).round(3).tolist())
    sections = tuple(
        Section(start_s=float(start), end_s=float(end), label="A", role=role, energy=energy, trend=0.0)
        for start, end, role, energy in zip(edges[:-1], edges[1:], roles, energies, strict=True)
    )
    cues = {round(at_s, 4): "bar" for at_s in beats[4::4]} | {round(float(at_s), 4): "section" for at_s in edges[1:-1]}
    return SongMap(
        duration_s=duration_s,
        sample_rate_hz=RATE_HZ,
        sha256=sha256,
        tempo_bpm=bpm,
        pulse=0.9 if bpm else 0.1,
        meter=4,
        beats_s=beats,
        downbeats_s=beats[::4],
        sections=sections,
        cue_points=tuple(CuePoint(at_s=at_s, weight=0.6, why=why) for at_s, why in sorted(cues.items())),
        frames=SongFrames(low=wave, mid=wave, high=wave, level=wave, onset=wave),
    )
