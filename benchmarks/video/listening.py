"""Listening figures: beats, bars and sections of composed songs, songs without a pulse, and the cuts that follow from them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from model.training.synth import Synth

from benchmarks.video.goals import Figure
from benchmarks.video.songs import Song, band_seeds, render_song, render_unpulsed
from resonance_video.directing import direct, find_faults
from resonance_video.listening import listen
from resonance_video.models import FPS, SHOT_S_MIN, KnownMusic, SongMap
from resonance_video.treatment import read_concept

# The seeds of development begin at 9,000,001; these were first heard by this bench.
FIRST_SEED = 9_500_001
_BEAT_TOLERANCE_S, _SECTION_TOLERANCE_S = 0.07, 0.5
_UNPULSED = ("choir",) * 3 + ("pad",) * 3 + ("noise",) * 2 + ("silence",) * 2
_OCTAVE = 1.5


def measure_listening(folder: Path, count: int) -> list[Figure]:
    """Figures of `count` composed songs, heard with the words that a take would have (genre, and slow or fast), and without."""
    synth = Synth()
    songs = [render_song(synth, seed, folder) for seed in band_seeds(count, first=FIRST_SEED)]
    told = [asyncio.run(listen(song.path, KnownMusic(words=song.words))) for song in songs]
    untold = [asyncio.run(listen(song.path)) for song in songs]
    unpulsed = [render_unpulsed(synth, number, kind, folder) for number, kind in enumerate(_UNPULSED)]
    quiet = [asyncio.run(listen(path)) for path in unpulsed]
    silent = sum(not song_map.beats_s for song_map in quiet)
    return [
        *_accuracy(songs, told, "with the take's words"),
        *_accuracy(songs, untold, "without words"),
        Figure(
            name="choir, pads, noise, silence answered `no pulse`",
            asked=f"{len(quiet)} of {len(quiet)}",
            value=silent,
            text=f"{silent} of {len(quiet)}",
            reached=silent == len(quiet),
        ),
        *_cuts(songs, told),
    ]


def _accuracy(songs: Sequence[Song], maps: Sequence[SongMap], how: str) -> list[Figure]:
    beats = [f_measure(m.beats_s, s.beats_s, _BEAT_TOLERANCE_S) for s, m in zip(songs, maps, strict=True)]
    bars = [f_measure(m.downbeats_s, s.downbeats_s, _BEAT_TOLERANCE_S) for s, m in zip(songs, maps, strict=True)]
    parts = [
        f_measure([section.start_s for section in m.sections[1:]], s.boundaries_s, _SECTION_TOLERANCE_S)
        for s, m in zip(songs, maps, strict=True)
    ]
    double = sum(bool(m.tempo_bpm and m.tempo_bpm / s.bpm > _OCTAVE) for s, m in zip(songs, maps, strict=True))
    return [
        Figure.at_least(f"beats, F ({how})", float(np.mean(beats)), 0.90),
        Figure.at_least(f"downbeats, F ({how})", float(np.mean(bars)), 0.87),
        Figure.at_least(f"sections within 0.5 s, F ({how})", float(np.mean(parts)), 0.90),
        Figure.at_most(f"double tempo, songs of {len(songs)} ({how})", double, 2),
    ]


def _cuts(songs: Sequence[Song], maps: Sequence[SongMap]) -> list[Figure]:
    on_bar = total = short = faults = 0
    for song, song_map in zip(songs, maps, strict=True):
        treatment = read_concept("a woman walks through the city at night", song_map)
        plan = direct(song_map, treatment)
        faults += len(find_faults(plan, song_map, treatment))
        bars = np.array(song.downbeats_s)
        for shot in plan.shots:
            short += shot.frame_count < SHOT_S_MIN * FPS
        for shot in plan.shots[1:]:
            total += 1
            on_bar += bool(np.abs(bars - shot.start_frame / FPS).min() <= _BEAT_TOLERANCE_S)
    return [
        Figure.at_least("cuts on a true downbeat, share", on_bar / total, 0.95),
        Figure.at_most("shots under 1.5 s", short, 0),
        Figure.at_most("faults in plans", faults, 0),
    ]


def f_measure(found: Sequence[float], true: Sequence[float], tolerance_s: float) -> float:
    """F of found times against true ones, each true time used once."""
    if not len(found) and not len(true):
        return 1.0
    left = list(true)
    hits = 0
    for at in found:
        near = min(left, key=lambda other: abs(other - at), default=None)
        if near is not None and abs(near - at) <= tolerance_s:
            hits += 1
            left.remove(near)
    return 2 * hits / (len(found) + len(true))
