"""Frechet distance between two sets of clips.

It is taken in the principal dimensions of unsteered clips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DIMENSIONS_MAX = 12
_COVARIANCE_FLOOR = 1e-3


def frechet(one: Array, other: Array) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of points `[clips, dimensions]` (Dowson and Landau 1982).

    The covariances have a floor, which small sets of clips need. The trace of the root is the sum of the roots of the eigenvalues of
    C1 C2, which are real and not negative.
    """
    floor = _COVARIANCE_FLOOR * np.eye(one.shape[1])
    first, second = np.atleast_2d(np.cov(one, rowvar=False)) + floor, np.atleast_2d(np.cov(other, rowvar=False)) + floor
    roots = np.sqrt(np.maximum(np.real(np.linalg.eigvals(first @ second)), 0.0))
    return float(np.square(one.mean(axis=0) - other.mean(axis=0)).sum() + np.trace(first + second) - 2 * roots.sum())


def frechet_ratio(clips: Array, baselines: Array, others: Array) -> float:
    """The distance of steered clips from unsteered ones of other seeds, over that of their own unsteered baselines.

    All are `[clips, features]`, and are compared along the principal directions of the standardised unsteered ones. The ratio is 0 with
    fewer than three clips on a side.
    """
    if min(len(clips), len(baselines), len(others)) < 3:
        return 0.0
    unsteered = np.concatenate([baselines, others])
    mean, scale = unsteered.mean(axis=0), unsteered.std(axis=0) + 1e-6
    _, _, axes = np.linalg.svd((unsteered - mean) / scale, full_matrices=False)
    axes = axes[: min(DIMENSIONS_MAX, max(2, len(unsteered) // 4), len(axes))]
    ours, theirs, rest = (((one - mean) / scale) @ axes.T / np.sqrt(len(mean)) for one in (clips, baselines, others))
    return frechet(ours, rest) / max(frechet(theirs, rest), 1e-9)
