"""Cards of checkpoints: licence of the weights, training data, limits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonance_model.config import NOTHING_KNOWN, MusicalControls


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Licence, provenance and musical controls of a checkpoint."""

    weights_license: str
    training_data: str
    limits_note: str
    controls: MusicalControls = NOTHING_KNOWN


_META = Card(
    weights_license="CC-BY-NC-4.0",
    training_data="Meta: 20,000 hours of licensed music (internal, Shutterstock, Pond5)",
    limits_note="The weights may not be used commercially. No realistic vocals.",
)
_EMBEDDED = Card(
    weights_license="Apache-2.0",
    training_data="Resonance: music by our own procedural composer, rendered with the FluidR3_GM sound font (MIT)",
    limits_note=(
        "A small model, trained for hours and not for months, at 16 kHz. It keeps a beat, plays the instruments that are asked for, and "
        "knows six tempi; words for harmony, mode and tension act in three takes of four, and now and then a take stands on one chord. "
        "No lyrics, no other languages, no names of artists."
    ),
    # As in model/training (pieces.py, harmony.py); tests/unit/training/test_words.py compares them.
    controls=MusicalControls(
        tempi_bpm=(62.5, 75.0, 93.75, 125.0, 150.0, 187.5),
        keys=("C major", "F major", "G major", "A minor", "D minor", "E minor"),
        metres=("4/4",),
        # Measured: docs/decisions/tempo-in-a-child.md. Of six keys, chance hits 17 %.
        tempo_obeyed_share=0.97,
        key_obeyed_share=0.19,
        follows_keys=False,
    ),
)
_UNKNOWN = Card(
    weights_license="unknown",
    training_data="unknown",
    limits_note="Nothing is known about this checkpoint; ask who made it.",
)


def load_card(name: str, folder: Path) -> Card:
    """The card beside the weights (`resonance_card.json`), else the known one of our or Meta's checkpoints, else \"unknown\"."""
    path = folder / "resonance_card.json"
    if path.is_file():
        return _parse_card(json.loads(path.read_text()))
    if name == "embedded":
        return _EMBEDDED
    return _META if name.startswith("facebook/musicgen-") else _UNKNOWN


def _parse_card(values: dict[str, Any]) -> Card:
    controls: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.pop("controls", {}).items()
    }
    return Card(**values, controls=MusicalControls(**controls))
