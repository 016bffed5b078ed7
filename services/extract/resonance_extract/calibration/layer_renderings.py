"""Layer scan summaries: effect and quality per choice of layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resonance.v1 import extract_pb2
from resonance_extract.calibration.conditions import Condition
from resonance_extract.calibration.quality import failed_gates
from resonance_extract.calibration.renderings import Measured
from resonance_extract.calibration.safe_range import pair_with_baseline
from resonance_extract.directions.statistics import Levels


def summarise_renderings(
    measured: Mapping[Condition, Measured], *, own: Levels | None = None
) -> list[extract_pb2.LayerRendering]:
    """The mean effect over prompts on each side, form by form in the conditions' order. `own` is as in `fit_safe_range`."""
    forms = list(dict.fromkeys(one.form for one in measured if one.strength))
    return [
        extract_pb2.LayerRendering(
            label=form,
            effect_up=_effect(form, 1, measured),
            effect_down=_effect(form, -1, measured),
            passed=_has_passed(form, measured, own),
        )
        for form in forms
    ]


def _effect(form: str, sign: int, measured: Mapping[Condition, Measured]) -> float:
    sides = [pair_with_baseline(one, measured)[1] for one in measured if one.form == form and one.strength * sign > 0]
    return float(np.mean(sides)) if sides else 0.0


def _has_passed(form: str, measured: Mapping[Condition, Measured], own: Levels | None) -> bool:
    return all(
        not failed_gates(
            pair_with_baseline(one, measured)[0], measured[one.baseline].quality, own if one.strength > 0 else None
        )
        for one in measured
        if one.form == form and one.strength
    )
