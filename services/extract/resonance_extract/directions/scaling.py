"""Directions from differences of means: scaled unit vectors.

A unit vector is multiplied by the residual's standard deviation along it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resonance.errors import InvalidInput
from resonance.steering.direction import Direction
from resonance_extract.directions.statistics import ReferenceStatistics

Array = NDArray[np.float32]
_NORM_MIN = 1e-6


def build_direction(
    difference: Array, reference: ReferenceStatistics, *, model_digest: str, unit: float = 1.0
) -> Direction:
    """The direction of a difference of means `[layers, hidden]`, whitened before (`whitening.py`) or not.

    Per layer l with unit vector u = d / |d|, strength 1 adds `unit` s u, where s = sqrt(sum_i u_i^2 var_i) is the standard deviation of
    the residual along u if its coordinates were independent. `one_to_all` uses the same u at every layer, the normalised mean of the
    layers' unit vectors, with each layer's own s.

    Raises:
        InvalidInput: the two means do not differ, as with two equal sets of prompts.
    """
    if float(np.linalg.norm(difference, axis=1).max()) < _NORM_MIN:
        raise InvalidInput(
            "the two sets do not differ in the model: there is nothing to steer by", reason="NO_DIFFERENCE"
        )
    units = unit_rows(difference)
    shared = units.mean(axis=0, keepdims=True)
    shared = np.repeat(shared / max(float(np.linalg.norm(shared)), _NORM_MIN), len(units), axis=0)
    per_layer, one_to_all = unit * _scaled(units, reference), unit * _scaled(shared, reference)
    return Direction(
        model_digest=model_digest,
        per_layer=per_layer,
        one_to_all=one_to_all,
        baselines=np.stack([(form * reference.mean).sum(axis=1) for form in (per_layer, one_to_all)]).astype(
            np.float32
        ),
    )


def unit_rows(rows: Array) -> Array:
    """Rows `[layers, hidden]` of length 1; a row of zeros stays one."""
    found: Array = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _NORM_MIN)).astype(np.float32)
    return found


def layer_norms(difference: Array, reference: ReferenceStatistics) -> Array:
    """Root mean square of the difference per layer, in residual standard deviations, `[layers]`."""
    variance = np.maximum(reference.variance, 1e-12)
    norms: Array = np.sqrt((np.square(difference) / variance).mean(axis=1)).astype(np.float32)
    return norms


def _scaled(units: Array, reference: ReferenceStatistics) -> Array:
    sigma = np.sqrt((np.square(units) * reference.variance).sum(axis=1, keepdims=True))
    return (units * sigma).astype(np.float32)
