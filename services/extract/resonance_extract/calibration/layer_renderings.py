"""The layer scan on audio: the three layers that separate best, each alone, beside all of them and the one reduced direction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonance.v1 import extract_pb2
from resonance_extract.calibration.quality import Levels, failed_gates
from resonance_extract.calibration.renderings import Condition, Measured, Subject
from resonance_extract.calibration.safe_range import paired

SCAN_STRENGTH = 1.5


def steering_forms(subject: Subject) -> list[str]:
    """What is tried: the best layers by number, `all`, `one_to_all`."""
    return [*(str(layer) for layer in subject.best_layers), "all", "one_to_all"]


def summarise_renderings(
    measured: Mapping[Condition, Measured], *, own: Levels | None = None
) -> list[extract_pb2.LayerRendering]:
    """Per form the mean effect over prompts on each side, in the order in which they were asked; `own` is as in `fit_safe_range`."""
    forms = list(dict.fromkeys(one.form for one in measured if one.strength))
    return [
        extract_pb2.LayerRendering(
            label=form,
            effect_up=_effect(form, 1, measured),
            effect_down=_effect(form, -1, measured),
            passed=_passed(form, measured, own),
        )
        for form in forms
    ]


def _effect(form: str, sign: int, measured: Mapping[Condition, Measured]) -> float:
    sides = [paired(one, measured)[1] for one in measured if one.form == form and one.strength * sign > 0]
    return float(np.mean(sides)) if sides else 0.0


def _passed(form: str, measured: Mapping[Condition, Measured], own: Levels | None) -> bool:
    return all(
        not failed_gates(paired(one, measured)[0], measured[one.baseline].quality, own if one.strength > 0 else None)
        for one in measured
        if one.form == form and one.strength
    )
