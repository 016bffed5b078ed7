"""Loop finder: where a piece is cut so that its end goes on into its beginning.

The loop has whole bars of the heard tempo. Its length is refined from bar to bar on the onset envelope and at last on the waveform, because
a tempo that is wrong by a fifth of a per cent is 40 ms after ten bars. Without a pulse the loop begins where the sound resembles itself
most, one loop later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonance_generate.takes.spectra import Samples, Wide, log_bands
from resonance_generate.takes.tempo import hear_tempo

# What is made beyond the length that was asked for: a bar at 40 beats a minute, and the crossfade.
MARGIN_S = 8.0
HOP_S = 0.005
CROSSFADE_S, SOFT_CROSSFADE_S = 0.06, 1.0
_WINDOW_S = 0.032
_NEAR_S = 0.25  # what lies around both ends is compared over this time
_ALIGN_S = 0.008  # the waveform moves the end by at most this
_LEAD_S = 0.01  # the loop begins this long before a beat, so that its attack is whole
_LEVEL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCut:
    """A loop within a piece, in samples: it goes from `start` to `start + length`.

    Its last `crossfade` samples are mixed with those before `start`. Without a pulse `bpm` is None and `no_bars` says why.
    """

    start: int
    length: int
    crossfade: int
    bpm: float | None = None
    bar_count: int = 0
    no_bars: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """Changes at the join against changes inside of the loop; see `Loop` in generate.proto."""

    flux_ratio: float
    level_db: float
    inner_level_db: float


def find_loop(
    samples: Samples, sample_rate_hz: int, *, duration_s: float, beats_per_bar: int, told_bpm: float | None = None
) -> LoopCut:
    """The loop of mono samples whose length is nearest to `duration_s`. The samples must be at least MARGIN_S longer than that."""
    levels = log_bands(samples, sample_rate_hz, window_s=_WINDOW_S, hop_s=HOP_S)
    bpm, _ = hear_tempo(samples, sample_rate_hz, told_bpm)
    if bpm is None:
        return _cut_by_resemblance(samples, levels, sample_rate_hz, duration_s, "no steady pulse")
    envelope = np.maximum(np.diff(levels, axis=0), 0).mean(axis=1)
    available_s = len(samples) / sample_rate_hz - CROSSFADE_S - _NEAR_S
    bar_s = beats_per_bar * 60 / bpm
    count = min(max(1, round(duration_s / bar_s)), int((available_s - 60 / bpm) / bar_s))
    if count < 1:
        return _cut_by_resemblance(samples, levels, sample_rate_hz, duration_s, "a bar is longer than the sound")
    bar_hops = _refine_bar(envelope, bar_s / HOP_S, count)
    beat_hops, length_hops = bar_hops / beats_per_bar, bar_hops * count
    start = _choose_start(envelope, levels, beat_hops, beats_per_bar, length_hops)
    start_at = round(max(CROSSFADE_S, start * HOP_S - _LEAD_S) * sample_rate_hz)
    length = _align(samples, start_at, round(length_hops * HOP_S * sample_rate_hz), sample_rate_hz)
    refined_bpm = 60 * beats_per_bar * count / (length / sample_rate_hz)
    return LoopCut(
        start=start_at,
        length=length,
        crossfade=round(CROSSFADE_S * sample_rate_hz),
        bpm=round(refined_bpm, 2),
        bar_count=count,
    )


def cut_loop(samples: Wide, cut: LoopCut) -> Wide:
    """The loop `[channels, length]` out of the piece `[channels, samples]`.

    Its end becomes what comes before its beginning. The gains keep the power of the two, whatever their correlation is.
    """
    loop = samples[:, cut.start : cut.start + cut.length].copy()
    count = cut.crossfade
    if count:
        leaving, coming = loop[:, -count:], samples[:, cut.start - count : cut.start]
        rising = (np.arange(count) + 0.5) / count
        both = float(np.sqrt(np.square(leaving).sum() * np.square(coming).sum()))
        likeness = float(np.clip((leaving * coming).sum() / both, 0, 1)) if both else 1.0
        power = np.square(rising) + np.square(1 - rising) + 2 * likeness * rising * (1 - rising)
        loop[:, -count:] = (coming * rising + leaving * (1 - rising)) / np.sqrt(power)
    return loop


def measure_seam(piece: Samples, loop: Samples, cut: LoopCut, sample_rate_hz: int, *, beat_s: float | None) -> Seam:
    """Changes at the join of a mono loop that was cut out of a piece, against those that the music has by itself.

    By itself it changes at the beats inside of the loop (without `beat_s`: every 100 ms), and where the piece went on at both ends.
    """
    length_s, start_s = cut.length / sample_rate_hz, cut.start / sample_rate_hz
    twice, whole = _Changes(np.concatenate([loop, loop]), sample_rate_hz), _Changes(piece, sample_rate_hz)
    step_s = beat_s if beat_s is not None else _LEVEL_S
    inner = [(twice, number * step_s) for number in range(1, round(length_s / step_s))]
    inner += [(whole, at_s) for at_s in (start_s, start_s + length_s) if _LEVEL_S < at_s < whole.duration_s - _LEVEL_S]
    flux_max = max((music.flux(at_s) for music, at_s in inner), default=0.0)
    return Seam(
        flux_ratio=twice.flux(length_s) / max(1e-9, flux_max),
        level_db=twice.level_step_db(length_s),
        inner_level_db=max((abs(music.level_step_db(at_s)) for music, at_s in inner), default=0.0),
    )


class _Changes:
    """Spectral flux and level of mono samples around a moment."""

    def __init__(self, samples: Samples, sample_rate_hz: int) -> None:
        self._samples = samples.astype(np.float64)
        self._rate = sample_rate_hz
        self.duration_s = len(samples) / sample_rate_hz
        levels = log_bands(samples.astype(np.float32), sample_rate_hz, window_s=_WINDOW_S, hop_s=HOP_S)
        self._flux = np.concatenate([[0.0], np.abs(np.diff(levels, axis=0)).mean(axis=1)])

    def flux(self, at_s: float) -> float:
        """The greatest mean change of the band levels, in decibels a hop, within two windows of a moment."""
        middle, reach = round(at_s / HOP_S), round(2 * _WINDOW_S / HOP_S)
        return float(self._flux[max(0, middle - reach) : middle + reach + 1].max(initial=0.0))

    def level_step_db(self, at_s: float) -> float:
        """The level of the 100 ms after a moment less that of the 100 ms before it."""
        at, near = round(at_s * self._rate), round(_LEVEL_S * self._rate)
        before, after = self._samples[at - near : at], self._samples[at : at + near]
        return 10 * float(np.log10((np.square(after).mean() + 1e-10) / (np.square(before).mean() + 1e-10)))


def _refine_bar(envelope: Wide, bar_hops: float, count: int) -> float:
    """The length of a bar, from the autocorrelation of the onsets at one bar, two, four, and at last `count` bars."""
    found = _autocorrelation(envelope)
    bars = sorted({*(2**power for power in range(count.bit_length()) if 2**power < count), count})
    for number in bars:
        near = max(2.0, 0.01 * bar_hops * number) if number > 1 else max(2.0, 0.02 * bar_hops)
        lags = np.arange(round(bar_hops * number - near), round(bar_hops * number + near) + 1)
        lags = lags[(lags > 0) & (lags < len(found))]
        if len(lags):
            bar_hops = float(lags[np.argmax(found[lags])]) / number
    return bar_hops


def _autocorrelation(envelope: Wide) -> Wide:
    centred = envelope - envelope.mean()
    size = len(centred)
    full = np.fft.irfft(np.square(np.abs(np.fft.rfft(centred, 2 * size))))[:size]
    unbiased: Wide = full / np.arange(size, 0, -1)
    return unbiased


def _choose_start(envelope: Wide, levels: Wide, beat_hops: float, beats_per_bar: int, length_hops: float) -> float:
    """The beat, in hops, at which the loop begins: a bar's first by its accent, and of those the one that resembles the end most."""
    first = (CROSSFADE_S + _LEAD_S) / HOP_S
    last = len(levels) - length_hops - _NEAR_S / HOP_S
    phases = np.arange(0, beat_hops)
    beat = phases[np.argmax([_comb(envelope, phase, beat_hops) for phase in phases])]
    bar_hops = beat_hops * beats_per_bar
    starts = [beat + number * beat_hops for number in range(beats_per_bar)]
    downbeat = starts[int(np.argmax([_comb(envelope, start, bar_hops) for start in starts]))]
    bars = _places(downbeat, bar_hops, first, last)
    places = bars if len(bars) else _places(beat, beat_hops, first, last)
    if not len(places):
        return max(first, min(beat, last))
    return float(min(places, key=lambda place: _unlikeness(levels, place, length_hops)))


def _places(phase: float, step: float, first: float, last: float) -> Wide:
    begin = phase + step * np.ceil((first - phase) / step)
    return np.arange(begin, last, step, dtype=np.float64)


def _comb(envelope: Wide, phase: float, step: float) -> float:
    """Mean of the envelope near every place of a grid."""
    places = np.rint(np.arange(phase, len(envelope), step)).astype(int)
    smooth = np.convolve(envelope, np.ones(5) / 5, "same")
    return float(smooth[places[places < len(smooth)]].mean())


def _unlikeness(levels: Wide, start: float, length: float) -> float:
    """Mean difference of the band levels around the beginning and around the end of a loop, in decibels."""
    near = round(_NEAR_S / HOP_S)
    begin, end = round(start), round(start + length)
    before = min(near, begin)
    after = min(near, len(levels) - end)
    one, other = levels[begin - before : begin + after], levels[end - before : end + after]
    return float(np.abs(one - other).mean())


def _cut_by_resemblance(
    samples: Samples, levels: Wide, sample_rate_hz: int, duration_s: float, no_bars: str
) -> LoopCut:
    crossfade_s = min(SOFT_CROSSFADE_S, duration_s / 4)
    length_hops = duration_s / HOP_S
    last = len(levels) - length_hops - _NEAR_S / HOP_S
    places = np.arange(crossfade_s / HOP_S, last, 10)
    start = float(min(places, key=lambda place: _unlikeness(levels, place, length_hops)))
    start_at = round(start * HOP_S * sample_rate_hz)
    length = _align(samples, start_at, round(duration_s * sample_rate_hz), sample_rate_hz)
    return LoopCut(start=start_at, length=length, crossfade=round(crossfade_s * sample_rate_hz), no_bars=no_bars)


def _align(samples: Samples, start: int, length: int, sample_rate_hz: int) -> int:
    """The length at which the waveforms around both ends resemble each other most; unchanged where they do not."""
    near, reach = round(_LEVEL_S * sample_rate_hz), round(_ALIGN_S * sample_rate_hz)
    near = min(near, start)
    one = samples[start - near : start + near].astype(np.float64)
    best, best_likeness = length, 0.3
    for moved in range(-reach, reach + 1):
        end = start + length + moved
        other = samples[end - near : end + near].astype(np.float64)
        if len(other) < len(one):
            break
        power = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
        likeness = float(one @ other) / power if power else 0.0
        if likeness > best_likeness:
            best, best_likeness = length + moved, likeness
    return best
