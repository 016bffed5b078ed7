"""Building of a song map from features and from what is known of a take."""

from __future__ import annotations

import re

import numpy as np

from resonance_video.listening.bars import METER, find_downbeats
from resonance_video.listening.beats import Pulse, find_pulse
from resonance_video.listening.features import Features, Samples, Wide, read_features, resampled, smoothed
from resonance_video.listening.mode import find_mode
from resonance_video.listening.sections import find_boundaries, name_sections
from resonance_video.listening.steering import recipe_changes, slider_tracks
from resonance_video.models import FRAME_RATE_HZ, CuePoint, KnownMusic, Section, SongFrames, SongMap

_TOLD_TEMPOS = (
    (r"\b(very slow|slowest|glacial)\b", 62.0),
    (r"\b(very fast|fastest|racing|drum and bass)\b", 170.0),
    (r"\b(slow|slowly|calm|ballad|lullaby|sleepy)\b", 72.0),
    (r"\b(fast|quick|rapid|techno|energetic)\b", 155.0),
)
# A downbeat phase that leads by less is not said.
LEAD_MIN = 0.35
_NEAR_S = 0.75
_RECIPE_WEIGHT, _SECTION_WEIGHT, _FOUR_BARS_WEIGHT, _BAR_WEIGHT = 0.95, 1.0, 0.6, 0.4


def build_song_map(
    samples: Samples, *, duration_s: float, sample_rate_hz: int, sha256: str, known: KnownMusic
) -> SongMap:
    """The map of mono samples at SAMPLE_RATE_HZ; `duration_s`, `sample_rate_hz` and `sha256` are the file's."""
    features = read_features(samples)
    pulse = find_pulse(features, known_bpm=known.tempo_bpm, told_bpm=told_tempo(known.words))
    downbeats, boundaries, has_bars = _structure(features, pulse, duration_s)
    sections = name_sections(features, boundaries, duration_s)
    changes = recipe_changes(known, duration_s)
    notices = () if len(pulse.beats_s) else ("no pulse was found; the cuts follow changes of sound and level",)
    return SongMap(
        duration_s=duration_s,
        sample_rate_hz=sample_rate_hz,
        sha256=sha256,
        tempo_bpm=round(pulse.tempo_bpm, 2) if pulse.tempo_bpm else None,
        pulse=round(pulse.clarity, 4),
        meter=METER,
        beats_s=_rounded(pulse.beats_s),
        downbeats_s=_rounded(downbeats) if has_bars else (),
        sections=sections,
        cue_points=_cue_points(features, sections, downbeats, [change.at_s for change in changes[1:]], duration_s),
        frames=_frames(features, duration_s),
        mode=find_mode(features),
        sliders=slider_tracks(known, changes, duration_s),
        recipe=changes,
        words=known.spoken,
        notices=notices,
    )


def told_tempo(words: str) -> float | None:
    """The tempo that words name, as "125 bpm" or "slow"."""
    told = re.search(r"(\d{2,3})\s*(?:bpm|beats)", words.lower())
    if told and 40 <= int(told[1]) <= 220:
        return float(told[1])
    return next((bpm for pattern, bpm in _TOLD_TEMPOS if re.search(pattern, words.lower())), None)


def _structure(features: Features, pulse: Pulse, duration_s: float) -> tuple[Wide, Wide, bool]:
    """Downbeats, section boundaries on them, and whether the bars are sure enough to be said."""
    downbeats, _, lead = find_downbeats(features, pulse.beats_s)
    boundaries = find_boundaries(features, downbeats, duration_s)
    return downbeats, boundaries, lead >= LEAD_MIN


def _cue_points(
    features: Features, sections: tuple[Section, ...], downbeats: Wide, recipe_s: list[float], duration_s: float
) -> tuple[CuePoint, ...]:
    """Cue points in order: sections, changes of the recipe, bars; without bars the places where the sound changes most."""
    found: dict[float, CuePoint] = {}

    def add(at_s: float, weight: float, why: str) -> None:
        at_s = round(at_s, 4)
        if 0 < at_s < duration_s and weight > (found[at_s].weight if at_s in found else -1):
            found[at_s] = CuePoint(at_s=at_s, weight=weight, why=why)

    first_bars = {section.start_s: place for place, section in enumerate(sections)}
    for number, at_s in enumerate(downbeats):
        since = number - _bar_of_section(downbeats, sections, at_s)
        add(float(at_s), _FOUR_BARS_WEIGHT if since % 4 == 0 else _BAR_WEIGHT, "bar")
    for at_s in first_bars:
        add(at_s, _SECTION_WEIGHT, "section")
    for at_s in recipe_s:
        add(_to_bar(at_s, downbeats), _RECIPE_WEIGHT, "recipe")
    if not len(downbeats):
        for at_s, weight in _changes_of_sound(features):
            add(at_s, weight, "level")
    return tuple(found[at_s] for at_s in sorted(found))


def _bar_of_section(downbeats: Wide, sections: tuple[Section, ...], at_s: float) -> int:
    start_s = max(section.start_s for section in sections if section.start_s <= at_s + 1e-3)
    return int(np.argmin(np.abs(downbeats - start_s)))


def _to_bar(at_s: float, downbeats: Wide) -> float:
    """The bar nearest to a change of the recipe where one is near."""
    if len(downbeats):
        nearest = float(downbeats[np.argmin(np.abs(downbeats - at_s))])
        if abs(nearest - at_s) <= _NEAR_S:
            return nearest
    return at_s


def _changes_of_sound(features: Features) -> list[tuple[float, float]]:
    """Local maxima of the change of timbre over two seconds, at least a second apart, with weights up to 0.6."""
    rate = 5
    values = features.mel[::10]
    width = 2 * rate
    if len(values) <= 2 * width:
        return []
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    at = np.arange(width, len(values) - width + 1)
    change = np.linalg.norm(sums[at + width] - 2 * sums[at] + sums[at - width], axis=1) / width
    top = float(change.max()) + 1e-6
    peaks = [
        place
        for place in range(len(change))
        if change[place] >= change[max(0, place - rate) : place + rate + 1].max() - 1e-12 and change[place] > 0.05 * top
    ]
    return [((at[place]) / rate, 0.2 + 0.4 * float(change[place]) / top) for place in peaks]


def _frames(features: Features, duration_s: float) -> SongFrames:
    """The signals at the rate of the pictures, each scaled so that the song's loud places are near one."""
    count = int(np.ceil(duration_s * FRAME_RATE_HZ - 1e-6))
    reference = float(np.percentile(features.level, 98)) + 1e-6
    silence = features.is_silent

    def signal(values: Wide, top: float, seconds: float) -> tuple[float, ...]:
        scaled = np.zeros(count) if silence else resampled(smoothed(values, seconds), FRAME_RATE_HZ, count) / top
        return tuple(round(float(value), 3) for value in np.clip(scaled, 0, 1))

    def top(values: Wide, share: float) -> float:
        return max(float(np.percentile(values, 98)), share * reference)

    flux = np.maximum(features.flux - smoothed(features.flux, 1.0), 0)
    return SongFrames(
        low=signal(features.low, top(features.low, 0.15), 0.1),
        mid=signal(features.mid, top(features.mid, 0.15), 0.1),
        high=signal(features.high, top(features.high, 0.05), 0.1),
        level=signal(features.level, reference, 0.15),
        onset=signal(flux, max(float(np.percentile(flux, 98)), 0.03), 0.06),
    )


def _rounded(values: Wide) -> tuple[float, ...]:
    return tuple(round(max(float(value), 0.0), 4) for value in values)
