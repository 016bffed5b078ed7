"""Sections: boundaries by novelty on bars (Foote 2000), labels by likeness, roles by energy and repetition."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide
from resonance_video.models import Section, SectionRole

SECTION_S_MIN = 5.0
_KERNELS = (2, 4)
_UNIT_S = 1.0  # of songs without bars
_LIKE = 0.35
_NOVELTY_MIN = 0.14
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Units of the song: their edges in seconds `[units + 1]`, and features `[units, values]`."""

    edges_s: Wide
    values: Wide
    energies: Wide


def find_boundaries(features: Features, downbeats_s: Wide, duration_s: float) -> Wide:
    """Times between the sections, without the song's start and end."""
    grid = _grid(features, downbeats_s, duration_s)
    novelty = _novelty(grid.values)
    return _peaks(novelty, grid.edges_s, duration_s)


def name_sections(features: Features, boundaries_s: Wide, duration_s: float) -> tuple[Section, ...]:
    """The sections between boundaries, with label, role, energy and trend."""
    edges = np.concatenate([[0.0], boundaries_s, [duration_s]])
    spans = list(itertools.pairwise(edges))
    values = np.array([_mean_values(features, start, end) for start, end in spans])
    decibels = np.array([_decibels(features, start, end) for start, end in spans])
    labels = _labels(values)
    energies = _energies(features, decibels)
    roles = _roles(labels, energies)
    return tuple(
        Section(
            start_s=float(start),
            end_s=float(end),
            label=label,
            role=role,
            energy=round(float(energy), 4),
            trend=_trend(features, start, end),
        )
        for (start, end), label, role, energy in zip(spans, labels, roles, energies, strict=True)
    )


def _grid(features: Features, downbeats_s: Wide, duration_s: float) -> _Grid:
    if len(downbeats_s) >= 4:
        bar = float(np.median(np.diff(downbeats_s)))
        inner = downbeats_s[(downbeats_s > 0.4 * bar) & (downbeats_s < duration_s - 0.4 * bar)]
    else:
        inner = np.arange(_UNIT_S, duration_s - _UNIT_S / 2, _UNIT_S)
    edges = np.concatenate([[0.0], inner, [duration_s]])
    spans = list(itertools.pairwise(edges))
    values = np.array([_mean_values(features, start, end) for start, end in spans])
    return _Grid(
        edges_s=edges, values=values, energies=np.array([_decibels(features, start, end) for start, end in spans])
    )


def _mean_values(features: Features, start_s: float, end_s: float) -> Wide:
    """Mean timbre in 20 bands, chroma and level of a stretch, so scaled that a distance of one is a large change."""
    first, last = _frames(features, start_s, end_s)
    mel = features.mel[first:last].mean(axis=0).reshape(20, -1).mean(axis=1)
    chroma = features.chroma[first:last].mean(axis=0)
    busy = features.flux[first:last].mean()
    return np.concatenate([mel * 0.35, chroma * 1.0, [busy * 6]])


def _novelty(values: Wide) -> Wide:
    """Checkerboard novelty at each edge between units, mean over kernels; zero at both ends."""
    count = len(values)
    distance = np.linalg.norm(values[:, None] - values[None, :], axis=2)
    novelty = np.zeros(count + 1)
    for edge in range(1, count):
        totals = []
        for half in _KERNELS:
            size = min(half, edge, count - edge)
            before, after = slice(edge - size, edge), slice(edge, edge + size)
            within = (distance[before, before].mean() + distance[after, after].mean()) / 2
            totals.append(distance[before, after].mean() - within)
        novelty[edge] = float(np.mean(totals))
    return novelty


def _peaks(novelty: Wide, edges_s: Wide, duration_s: float) -> Wide:
    """Edges with the highest novelty, none nearer to another or to an end than SECTION_S_MIN."""
    threshold = max(_NOVELTY_MIN, 0.3 * float(np.sort(novelty)[-3:].mean()))
    chosen: list[float] = []
    for edge in np.argsort(novelty)[::-1]:
        at_s = float(edges_s[edge])
        if novelty[edge] < threshold:
            break
        near = [abs(at_s - other) for other in (*chosen, 0.0, duration_s)]
        if min(near) >= min(SECTION_S_MIN, duration_s / 3):
            chosen.append(at_s)
    return np.array(sorted(chosen))


def _labels(values: Wide) -> list[str]:
    """One letter per section; a section like an earlier one has its letter."""
    labels: list[str] = []
    for place, value in enumerate(values):
        distances = [float(np.linalg.norm(value - earlier)) for earlier in values[:place]]
        if distances and min(distances) < _LIKE:
            labels.append(labels[int(np.argmin(distances))])
        else:
            labels.append(_LETTERS[min(len(set(labels)), len(_LETTERS) - 1)])
    return labels


def _energies(features: Features, decibels: Wide) -> Wide:
    """Level of each section between the song's quiet and its loud places, from 0 to 1; 0.5 for a song of one level."""
    level = 20 * np.log10(features.level + 1e-5)
    heard = level[level > level.max(initial=-100.0) - 45]
    if not len(heard) or features.is_silent:
        return np.zeros(len(decibels))
    low, high = float(np.percentile(heard, 10)), float(np.percentile(heard, 90))
    spread = max(high - low, 12.0)
    middle = (high + low) / 2
    energies: Wide = np.clip(0.5 + (decibels - middle) / spread, 0, 1)
    return energies


def _roles(labels: list[str], energies: Wide) -> list[SectionRole]:
    count = len(labels)
    repeated = {label for label in labels if labels.count(label) > 1}
    loudest = float(energies.max(initial=0.0))
    candidates = [place for place in range(count) if labels[place] in repeated] or list(range(count))
    chorus = labels[max(candidates, key=lambda place: energies[place])]
    chorus_is_loud = max(energies[place] for place in range(count) if labels[place] == chorus) >= loudest - 0.15
    if not chorus_is_loud:
        chorus = labels[int(np.argmax(energies))]
    roles = []
    for place, label in enumerate(labels):
        energy = float(energies[place])
        if label == chorus and (count > 1 or energy > 0.5):
            role = SectionRole.CHORUS
        elif place == 0 and energy < loudest - 0.08:
            role = SectionRole.INTRO
        elif place == count - 1 and energy < loudest - 0.08:
            role = SectionRole.OUTRO
        elif energy < loudest - 0.45:
            role = SectionRole.BREAK
        elif labels.count(label) == 1 and place > count / 2:
            role = SectionRole.BRIDGE
        else:
            role = SectionRole.VERSE
        roles.append(role)
    return roles


def _trend(features: Features, start_s: float, end_s: float) -> float:
    third = (end_s - start_s) / 3
    rise = _decibels(features, end_s - third, end_s) - _decibels(features, start_s, start_s + third)
    return round(float(np.clip(rise / 12, -1, 1)), 4)


def _decibels(features: Features, start_s: float, end_s: float) -> float:
    first, last = _frames(features, start_s, end_s)
    return float(20 * np.log10(np.sqrt(np.mean(np.square(features.level[first:last]))) + 1e-5))


def _frames(features: Features, start_s: float, end_s: float) -> tuple[int, int]:
    first = min(round(start_s * FEATURE_RATE_HZ), features.frame_count - 1)
    return first, max(first + 1, min(round(end_s * FEATURE_RATE_HZ), features.frame_count))
