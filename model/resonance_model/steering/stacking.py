"""Steering: directions with strengths, stacked once into what a slot adds after each layer."""

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
# Keeps the joint solution from growing without bound where two directions are nearly one. A direction alone is not changed by it.
RIDGE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedDirection:
    """One direction with its strength in residual standard deviations; `layer_gains` multiply it at single layers."""

    direction: Direction
    strength: float
    is_per_layer: bool = True
    layer_gains: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """All pushes of a recipe as one: `steering` float32 `[layers, rows, hidden]`; `baselines` `[layers]`, the dot product of varied
    music's mean state with it, or None where a direction was stored without."""

    steering: Tensor
    baselines: Tensor | None


def stack(
    pushes: Sequence[WeightedDirection], config: DecoderConfig, *, digest: str, both_branches: bool, is_joint: bool
) -> Stacked | None:
    """All pushes as one; None where it is exactly nothing.

    Ten directions cost the decoder what one costs. Without `both_branches` the unconditional row gets zeros, so that guidance multiplies the
    push. With `is_joint` each layer's push is the shortest one whose projection on every direction is what was asked of that direction
    (least squares with a ridge, never longer than the plain sum could be); otherwise directions are summed as they are. One direction
    alone gives the same bits either way.

    Raises:
        FailedPrecondition: a direction belongs to another model.
    """
    merged = _merged(pushes, config, digest)
    total = np.zeros((config.layer_count, config.hidden_size), dtype=np.float32)
    baselines = np.zeros(config.layer_count, dtype=np.float32)
    for layer in range(config.layer_count):
        active = [
            (rows[layer], gains[layer], base[layer])
            for rows, gains, base in merged
            if gains[layer] and rows[layer].any()  # a layer in which a direction says nothing has none to solve for
        ]
        if not active:
            continue
        rows = np.stack([row for row, _, _ in active])
        weights = np.array([gain for _, gain, _ in active], dtype=np.float32)
        if is_joint and len(active) > 1:
            weights = joint_weights(rows, weights)
        for row, weight, (_, _, base) in zip(rows, weights, active, strict=True):
            total[layer] += row * weight
            baselines[layer] += base * weight
    if not total.any():
        return None
    steering = torch.zeros(config.layer_count, 2, config.hidden_size)
    steering[:, : 2 if both_branches else 1] = torch.from_numpy(total)[:, None]
    has_baselines = all(push.direction.baselines is not None for push in pushes)
    return Stacked(steering=steering, baselines=torch.from_numpy(baselines) if has_baselines else None)


def joint_weights(rows: Array, asked: Array) -> Array:
    """Weights w `[n]` such that the push w R has the projection `asked_i |r_i|` on each row of R `[n, hidden]`.

    Solves (G + ridge diag G) w = (1 + ridge) diag(G) asked with G = R R^T. The result is shortened where it would be longer than the sum
    of the single pushes' lengths: two directions that nearly cancel are not fought over at any price.
    """
    gram = rows.astype(np.float64) @ rows.astype(np.float64).T
    lengths = np.diag(gram).copy()
    weights = np.linalg.solve(gram + RIDGE * np.diag(lengths), (1 + RIDGE) * lengths * asked)
    longest = float((np.abs(asked) * np.sqrt(lengths)).sum())
    length = float(np.linalg.norm(weights @ rows))
    if length > longest:
        weights *= longest / length
    found: Array = weights.astype(np.float32)
    return found


def check_fits(direction: Direction, config: DecoderConfig, *, digest: str) -> None:
    """Raises FailedPrecondition unless the direction was made for this very model."""
    if direction.model_digest != digest or direction.per_layer.shape != (config.layer_count, config.hidden_size):
        raise FailedPrecondition(
            f"this direction was made for model {direction.model_digest[:8]}; this service runs {digest[:8]}: extract it again",
            reason="MODEL_MISMATCH",
        )


def _merged(
    pushes: Sequence[WeightedDirection], config: DecoderConfig, digest: str
) -> list[tuple[Array, Array, Array]]:
    """(rows, gains, baselines) per direction; what is asked of the same direction twice is one ask."""
    merged: list[tuple[Array, Array, Array]] = []
    for push in pushes:
        check_fits(push.direction, config, digest=digest)
        form = 0 if push.is_per_layer else 1
        rows = push.direction.one_to_all if form else push.direction.per_layer
        known = push.direction.baselines
        base = np.zeros(config.layer_count, dtype=np.float32) if known is None else known[form]
        gains = _gains_of(push, config)
        same = next((place for place, (other, _, _) in enumerate(merged) if np.array_equal(other, rows)), None)
        if same is None:
            merged.append((rows, gains, base))
        else:
            merged[same] = (rows, merged[same][1] + gains, base)
    return merged


def _gains_of(push: WeightedDirection, config: DecoderConfig) -> Array:
    gains = np.full(config.layer_count, push.strength, dtype=np.float32)
    for layer, gain in push.layer_gains.items():
        gains[layer] *= gain
    return gains
