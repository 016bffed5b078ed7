"""Drive: the song's signals and sliders as pictures need them, per frame, slew-limited so that nothing flashes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance_video.models import SceneRequest, SongSlice

Wide = NDArray[np.float64]
# The most that a signal of brightness may change in a second: two full swings a second stay below three flashes.
SLEW_PER_S = 1.6
# Steps of a walk in a second: each beat is a step where that is natural, else every second one, or two on each.
_STEPS_MIN, _STEPS_MAX = 0.95, 2.45
_FREE_STEPS_PER_S = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """Signals per frame, from 0 to 1 where nothing else is said.

    `lights` is how many lights burn, `bloom` the glow of the horizon, `ripple` the depth of ripples, `sparkle` bokeh and neon,
    `splash` onsets, `hues` the number of hues, `crowd` birds, people and far lights, `voice` light on the figure, `tension` red
    and wind (-1 to 1), `pace` the camera's speed from 0.4 to 2, `travel` its integral in seconds, `step` the walk's phase in
    cycles of two steps, `beat` a pulse that falls after each beat, and `sway` a phase in half cycles per beat.
    """

    lights: Wide
    bloom: Wide
    ripple: Wide
    sparkle: Wide
    splash: Wide
    hues: Wide
    crowd: Wide
    voice: Wide
    tension: Wide
    pace: Wide
    travel: Wide
    step: Wide
    beat: Wide
    sway: Wide


def read_drive(request: SceneRequest) -> Drive:
    """The drive of a scene."""
    song, fps = request.song, request.fps
    count = request.shot.frame_count
    energy = _array(song.energy)
    frames = song.frames

    def slider(name: str) -> Wide:
        values = _array(song.sliders.get(name, ()))
        return _soft(values, fps, 0.5) if len(values) == count else np.zeros(count)

    lights = 0.12 + 0.72 * energy + 0.16 * _array(frames.level) + 0.4 * slider("energy")
    bass = slider("bass_resonance")
    pace = np.clip(0.6 + 0.8 * energy + 0.5 * slider("energy"), 0.4, 2.0)
    beats = _array(song.beats)
    return Drive(
        lights=_slewed(np.clip(lights, 0.04, 1.0), fps, 0.8),
        bloom=_slewed(np.clip(0.15 + 0.55 * _array(frames.low) + 0.4 * bass, 0, 1), fps),
        ripple=_slewed(np.clip(0.25 + 0.55 * _array(frames.low) + 0.5 * bass, 0, 1.3), fps),
        sparkle=_slewed(np.clip(0.15 + 0.85 * _array(frames.high), 0, 1), fps),
        splash=_array(frames.onset),
        hues=np.clip(0.5 + 0.5 * slider("harmonic_complexity"), 0, 1),
        crowd=np.clip(0.35 + 0.25 * energy + 0.5 * slider("instrument_density"), 0, 1),
        voice=np.clip(slider("vocal_presence"), 0, 1),
        tension=np.clip(slider("emotional_tension"), -1, 1),
        pace=pace,
        travel=np.cumsum(pace) / fps,
        step=_steps(song, count, fps),
        beat=_beat_pulse(beats, count, fps),
        sway=_phase(beats, count, fps, _FREE_STEPS_PER_S) / 2,
    )


def steps_per_beat(tempo_bpm: float | None) -> float:
    """Steps on each beat: 1, 2 or a half, so that a walk stays a walk."""
    if not tempo_bpm:
        return 1.0
    per_s = tempo_bpm / 60
    return 2.0 if per_s < _STEPS_MIN else 0.5 if per_s > _STEPS_MAX else 1.0


def _steps(song: SongSlice, count: int, fps: int) -> Wide:
    """Cycles of two steps: a foot falls at each half."""
    return _phase(_array(song.beats), count, fps, _FREE_STEPS_PER_S) * steps_per_beat(song.tempo_bpm) / 2


def _phase(beats: Wide, count: int, fps: int, free_per_s: float) -> Wide:
    """Beats since the first one, between beats in proportion; without beats a steady rate."""
    at = np.arange(count, dtype=np.float64)
    if len(beats) < 2:
        return at / fps * free_per_s
    numbers = np.arange(len(beats), dtype=np.float64)
    gap = float(np.median(np.diff(beats)))
    phase = np.interp(at, beats, numbers)
    phase = np.where(at < beats[0], (at - beats[0]) / gap, phase)
    return np.where(at > beats[-1], numbers[-1] + (at - beats[-1]) / gap, phase)


def _beat_pulse(beats: Wide, count: int, fps: int) -> Wide:
    """One at each beat, falling with a time constant of 0.18 s; zero without beats."""
    at = np.arange(count)[:, None]
    if not len(beats):
        return np.zeros(count)
    since = (at - beats[None, :]) / fps
    pulses: Wide = np.where(since >= -0.5 / fps, np.exp(-np.maximum(since, 0) / 0.18), 0).max(axis=1)
    return pulses


def _slewed(values: Wide, fps: int, per_s: float = SLEW_PER_S) -> Wide:
    """The values with changes held below a rate, both ways."""
    slewed = np.empty_like(values)
    step, at = per_s / fps, float(values[0])
    for index, value in enumerate(values):
        at += min(max(float(value) - at, -step), step)
        slewed[index] = at
    return slewed


def _soft(values: Wide, fps: int, seconds: float) -> Wide:
    if len(values) < 3:
        return values
    width = min(max(3, round(seconds * fps)) | 1, len(values) | 1)
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    soft: Wide = np.convolve(padded, window / window.sum(), mode="valid")[: len(values)]
    return soft


def _array(values: tuple[float, ...]) -> Wide:
    return np.asarray(values, dtype=np.float64)
