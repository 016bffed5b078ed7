"""Refinements: sliders and concepts after a wish, changes, unknown words.

Each change has its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from resonance.steering.sliders import SLIDER_NAMES

LABELS = {
    "energy": "energy",
    "tempo": "tempo",
    "bass_resonance": "bass",
    "harmonic_complexity": "chords",
    "instrument_density": "instruments",
    "vocal_presence": "voices",
    "emotional_tension": "tension",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A slider or concept that was moved, and the words that moved it."""

    slider: str
    before: float
    after: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """Positions in [-1, 1] by slider name, after the change. `notes` are sentences about sliders that did not move.

    `concepts` are the positions of concepts by name, and `labels` what a person calls them. `unknown_words` are words of phrases that the
    model does not know.
    """

    sliders: Mapping[str, float]
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    source: str
    concepts: Mapping[str, float] = field(default_factory=dict)
    concept_changes: tuple[Change, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    unknown_words: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        """The changes in plain words."""
        labels = LABELS | dict(self.labels)
        moved = [
            f"{labels.get(change.slider, change.slider)} from {change.before:g} to {change.after:g} ({change.words})"
            for change in (*self.changes, *self.concept_changes)
        ]
        sentences = ["Moved " + "; ".join(moved) + "."] if moved else []
        sentences += self.notes
        if self.not_understood:
            sentences.append("Nothing was done about: " + ", ".join(self.not_understood) + ".")
        return " ".join(sentences) or "All is as you asked already; nothing had to move."


def complete_sliders(sliders: Mapping[str, float]) -> dict[str, float]:
    """All seven positions; an absent one is 0."""
    return {name: float(sliders.get(name, 0.0)) for name in SLIDER_NAMES}


def changes_between(before: Mapping[str, float], after: Mapping[str, float], words: Mapping[str, str]) -> list[Change]:
    """The sliders that differ, in the order of SLIDER_NAMES."""
    return [
        Change(slider=name, before=before[name], after=after[name], words=words.get(name, ""))
        for name in SLIDER_NAMES
        if before[name] != after[name]
    ]


def concept_changes_between(
    before: Mapping[str, float], after: Mapping[str, float], words: Mapping[str, str]
) -> list[Change]:
    """The concepts that differ, those that were there first; an absent one is at 0."""
    return [
        Change(slider=name, before=before.get(name, 0.0), after=after.get(name, 0.0), words=words.get(name, ""))
        for name in dict.fromkeys((*before, *after))
        if before.get(name, 0.0) != after.get(name, 0.0)
    ]
