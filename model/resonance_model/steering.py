"""Steering: directions with strengths, summed once into what a slot adds after each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from resonance.errors import FailedPrecondition
from resonance.taste import Direction
from resonance_model.shape import DecoderShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One direction with its strength in residual standard deviations; `layer_gains` multiply it at single layers."""

    direction: Direction
    strength: float
    is_per_layer: bool = True
    layer_gains: Mapping[int, float] = field(default_factory=dict)


def compose(pushes: Sequence[Push], shape: DecoderShape, *, digest: str, both_rows: bool) -> Tensor | None:
    """The sum of all pushes, float32 `[layers, rows, hidden]`; None where it is exactly nothing.

    Ten directions cost the decoder what one costs. Without `both_rows` the unconditional row gets zeros, so that guidance multiplies the
    push.

    Raises:
        FailedPrecondition: a direction belongs to another model.
    """
    total = np.zeros((shape.layer_count, shape.hidden_size), dtype=np.float32)
    for push in pushes:
        check_fits(push.direction, shape, digest=digest)
        rows = push.direction.per_layer if push.is_per_layer else push.direction.one_to_all
        total += rows * _gains_of(push, shape)[:, None]
    if not total.any():
        return None
    steering = torch.zeros(shape.layer_count, 2, shape.hidden_size)
    steering[:, : 2 if both_rows else 1] = torch.from_numpy(total)[:, None]
    return steering


def check_fits(direction: Direction, shape: DecoderShape, *, digest: str) -> None:
    """Raises FailedPrecondition unless the direction was made for this very model."""
    if direction.model_digest != digest or direction.per_layer.shape != (shape.layer_count, shape.hidden_size):
        raise FailedPrecondition(
            f"this direction was made for model {direction.model_digest[:8]}; this service runs {digest[:8]}: extract it again",
            reason="MODEL_MISMATCH",
        )


def _gains_of(push: Push, shape: DecoderShape) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    gains = np.full(shape.layer_count, push.strength, dtype=np.float32)
    for layer, gain in push.layer_gains.items():
        gains[layer] *= gain
    return gains
