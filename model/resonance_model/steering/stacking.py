"""Stacking: weighted directions of a recipe as one steering tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resonance.errors import FailedPrecondition
from resonance.steering.direction import Direction
from resonance_model.config import DecoderConfig

Array = NDArray[np.float32]
# Bounds the joint solution where two directions are nearly one. A direction alone is not changed by it.
RIDGE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedDirection:
    """Direction with its strength, in units of the direction.

    One unit of a concept is a residual standard deviation, one of a taste a quarter of it (`TASTE_UNIT` of extract).

    `layer_gains` multiply the strength at single layers.
    """

    direction: Direction
    strength: float
    is_per_layer: bool = True
    layer_gains: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """Steering of a whole recipe: `steering` is float32 `[layers, branches, hidden]`.

    `baselines` `[layers]` are the dot products of varied music's mean state with it; None where a direction was stored without.
    """

    steering: Tensor
    baselines: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """One direction's vectors `[layers, hidden]` with gains and baselines `[layers]`."""

    vectors: Array
    gains: Array
    baselines: Array


def stack(
    directions: Sequence[WeightedDirection],
    config: DecoderConfig,
    *,
    digest: str,
    both_branches: bool,
    is_joint: bool,
) -> Stacked | None:
    """Sum of all weighted directions; None where it is exactly zero. Ten directions cost the decoder as much as one.

    Args:
        directions: what the recipe asks for.
        config: of the loaded model.
        digest: of the loaded model.
        both_branches: False leaves the unconditional branch at zero, so that guidance multiplies the steering.
        is_joint: per layer, the shortest vector whose projection on every direction is what was asked of that direction: least
            squares with a ridge, never longer than the plain sum could be. False adds the directions as they are. One direction
            alone gives the same bits either way.

    Raises:
        FailedPrecondition: a direction belongs to another model.
    """
    terms = _merge(directions, config, digest)
    total = np.zeros((config.layer_count, config.hidden_size), dtype=np.float32)
    baselines = np.zeros(config.layer_count, dtype=np.float32)
    for layer in range(config.layer_count):
        # A direction that is zero in a layer has no projection to solve for.
        active = [term for term in terms if term.gains[layer] and term.vectors[layer].any()]
        if not active:
            continue
        vectors = np.stack([term.vectors[layer] for term in active])
        weights = np.array([term.gains[layer] for term in active], dtype=np.float32)
        if is_joint and len(active) > 1:
            weights = joint_weights(vectors, weights)
        for vector, weight, term in zip(vectors, weights, active, strict=True):
            total[layer] += vector * weight
            baselines[layer] += term.baselines[layer] * weight
    if not total.any():
        return None
    steering = torch.zeros(config.layer_count, 2, config.hidden_size)
    steering[:, : 2 if both_branches else 1] = torch.from_numpy(total)[:, None]
    has_baselines = all(one.direction.baselines is not None for one in directions)
    return Stacked(steering=steering, baselines=torch.from_numpy(baselines) if has_baselines else None)


def joint_weights(vectors: Array, asked: Array) -> Array:
    """Weights w `[n]` for which w R has the projection `asked_i |r_i|` on each row r_i of R = `vectors` `[n, hidden]`.

    Solves (G + ridge diag G) w = (1 + ridge) diag(G) asked with G = R R^T. A result longer than the sum of the single lengths is
    shortened to it: two directions that nearly cancel may not make the steering arbitrarily long.
    """
    gram = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    squares = np.diag(gram).copy()
    weights = np.linalg.solve(gram + RIDGE * np.diag(squares), (1 + RIDGE) * squares * asked)
    length_max = float((np.abs(asked) * np.sqrt(squares)).sum())
    length = float(np.linalg.norm(weights @ vectors))
    if length > length_max:
        weights *= length_max / length
    solution: Array = weights.astype(np.float32)
    return solution


def check_fits(direction: Direction, config: DecoderConfig, *, digest: str) -> None:
    """Raises FailedPrecondition unless the direction was made for this very model."""
    if direction.model_digest != digest or direction.per_layer.shape != (config.layer_count, config.hidden_size):
        raise FailedPrecondition(
            f"this direction was made for model {direction.model_digest[:8]}; this service runs {digest[:8]}: extract it again",
            reason="MODEL_MISMATCH",
        )


def _merge(directions: Sequence[WeightedDirection], config: DecoderConfig, digest: str) -> list[_Term]:
    """One term per direction: gains of a direction that is asked for twice are added."""
    terms: list[_Term] = []
    for one in directions:
        check_fits(one.direction, config, digest=digest)
        term = _build_term(one, config)
        same = next((index for index, other in enumerate(terms) if np.array_equal(other.vectors, term.vectors)), None)
        if same is None:
            terms.append(term)
        else:
            terms[same] = _Term(vectors=term.vectors, gains=terms[same].gains + term.gains, baselines=term.baselines)
    return terms


def _build_term(weighted: WeightedDirection, config: DecoderConfig) -> _Term:
    direction, form = weighted.direction, 0 if weighted.is_per_layer else 1
    stored = direction.baselines
    gains = np.full(config.layer_count, weighted.strength, dtype=np.float32)
    for layer, gain in weighted.layer_gains.items():
        gains[layer] *= gain
    return _Term(
        vectors=direction.one_to_all if form else direction.per_layer,
        gains=gains,
        baselines=np.zeros(config.layer_count, dtype=np.float32) if stored is None else stored[form],
    )
