"""A slot: one take's place in the running batch, with its caches, text, steering and listener."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from resonance_model.listening import Listener
from resonance_model.shape import DecoderShape

if TYPE_CHECKING:
    from resonance_model.monitor import Monitor

CONDITIONAL, UNCONDITIONAL = 0, 1
_GROWTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """Cross-attention keys and values `[layers, heads, tokens, head_size]`; `bias` `[1, 1, 1, tokens]` weighs the texts."""

    keys: Tensor
    values: Tensor
    bias: Tensor | None


class Slot:
    """The state of one take.

    `steering` is what is added after each layer, `[layers, rows, hidden]`, or None for exactly nothing; with a `monitor`, the part of it
    that is still missing. `row_count` is 2 (conditional
    and unconditional) or 1 for a slot that only reads. The caches grow by whole blocks as the take gets longer.
    """

    def __init__(
        self,
        shape: DecoderShape,
        conditioning: Conditioning,
        *,
        steering: Tensor | None = None,
        listener: Listener | None = None,
        row_count: int = 2,
    ) -> None:
        self.conditioning = conditioning
        self.steering = steering
        self.monitor: Monitor | None = None
        self.listener = listener
        self.row_count = row_count
        self.length = 0
        self._shape = shape
        self._room = 0
        self._keys = self._values = torch.empty(0)

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Appends `[rows, heads, steps, head_size]` at `length`; returns all keys and values of the layer so far."""
        end = self.length + keys.shape[2]
        if end > self._room:
            self._grow(end, keys)
        self._keys[layer, :, :, self.length : end] = keys
        self._values[layer, :, :, self.length : end] = values
        return self._keys[layer, :, :, :end], self._values[layer, :, :, :end]

    def forget(self) -> None:
        """Empties the cache; text, steering and listener stay."""
        self.length = 0

    def _grow(self, length: int, like: Tensor) -> None:
        shape = self._shape
        room = -(-length // _GROWTH) * _GROWTH
        size = (shape.layer_count, self.row_count, shape.head_count, room, shape.head_size)
        keys, values = like.new_empty(size), like.new_empty(size)
        if self._room:
            keys[:, :, :, : self._room] = self._keys
            values[:, :, :, : self._room] = self._values
        self._keys, self._values, self._room = keys, values, room
