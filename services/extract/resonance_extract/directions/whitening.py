"""Whitening of a difference of means.

Coordinates in which all music varies count for less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resonance.errors import FailedPrecondition
from resonance_extract.directions.statistics import ReferenceStatistics

Array = NDArray[np.float32]
PIECES_MIN = 4
_FLOOR_SHARE = 1e-3  # of the layer's mean variance; it bounds the push along a coordinate that never varies


def diagonal(difference: Array, reference: ReferenceStatistics) -> Array:
    """diag(var)^-1 d per layer, `[layers, hidden]`: Fisher's discriminant if the coordinates were independent."""
    floor = _FLOOR_SHARE * reference.variance.mean(axis=1, keepdims=True) + 1e-12
    found: Array = difference / np.maximum(reference.variance, floor)
    return found


def shrunk(difference: Array, reference: ReferenceStatistics) -> Array:
    """C^-1 d per layer, `[layers, hidden]`, with C = (1 - k) S + k diag(S), S the covariance of varied pieces' means.

    Schäfer and Strimmer (2005, target D) derive the share k from the pieces themselves, after Ledoit and Wolf (2004). The fewer and the
    more alike the pieces are, the nearer it is to 1. Woodbury's identity inverts C, because the rank of S is the number of pieces.

    Raises:
        FailedPrecondition: the reference has fewer than four pieces.
    """
    if len(reference.pieces) < PIECES_MIN:
        raise FailedPrecondition(
            f"shrunk whitening needs a reference of at least {PIECES_MIN} pieces; start a reference calibration job, or use diagonal",
            reason="REFERENCE_WITHOUT_PIECES",
        )
    layers = zip(difference, reference.pieces.transpose(1, 0, 2), strict=True)
    return np.stack([_whiten_layer(one, pieces) for one, pieces in layers]).astype(np.float32)


def estimate_shrinkage(pieces: NDArray[np.floating]) -> float:
    """The share k in [0, 1] of the diagonal for pieces `[pieces, hidden]`: sum of var(s_ij) over sum of s_ij^2, i other than j.

    Both sums follow from the pieces' products, without a hidden x hidden matrix: for w_kij = x_ki x_kj,
    sum_ij w_kij w_lij = (x_k . x_l)^2.
    """
    count = len(pieces)
    centred = pieces.astype(np.float64) - pieces.mean(axis=0)
    own = np.square(centred)
    # Sums over i other than j of w_kij w_lij, for every pair of pieces k, l.
    products = np.square(centred @ centred.T) - own @ own.T
    squares, all_pairs = float(np.trace(products)), float(products.sum())
    spread = squares - all_pairs / count  # sum over k of (w_k - mean w)^2
    variance = spread * count / (count - 1) ** 3
    size = all_pairs / (count - 1) ** 2
    return float(np.clip(variance / size, 0.0, 1.0)) if size > 1e-18 else 1.0


def _whiten_layer(difference: Array, pieces: Array) -> NDArray[np.float64]:
    """Whitens one layer: d `[hidden]`, pieces `[pieces, hidden]`."""
    count, share = len(pieces), estimate_shrinkage(pieces)
    centred = pieces.astype(np.float64) - pieces.mean(axis=0)
    variance = np.square(centred).sum(axis=0) / (count - 1)
    bottom = np.maximum(share, 1e-3) * np.maximum(variance, _FLOOR_SHARE * variance.mean() + 1e-12)
    factor = centred * np.sqrt((1 - share) / (count - 1))
    plain = difference / bottom
    inner = np.eye(count) + (factor / bottom) @ factor.T
    found: NDArray[np.float64] = plain - (factor / bottom).T @ np.linalg.solve(inner, factor @ plain)
    return found
