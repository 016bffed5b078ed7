"""Projections of a take's hidden states on directions, frame by frame.

For layer l with a direction's vector v and the mean state m of varied music, c_l = (h - m) v / |v|^2 says how many units of the
direction the state h shows: 0 is varied music, 1 what strength 1 adds. c is the mean of c_l over the layers that the direction has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from resonance.steering.direction import Direction


class ProjectionRecorder:
    """Projections of the states that pass, in place of the states themselves: one number a direction and position."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        """Directions without baselines are measured from zero in place of varied music."""
        vectors = torch.stack([torch.from_numpy(one.per_layer) for one in directions])
        squares = vectors.square().sum(dim=2)
        shares = (squares > 0).float()
        shares /= shares.sum(dim=1, keepdim=True).clamp(min=1.0)
        self._scales = shares / squares.clamp(min=torch.finfo(torch.float32).tiny)
        self._vectors = vectors
        self._baselines = torch.stack(
            [
                torch.zeros(vectors.shape[1]) if one.baselines is None else torch.from_numpy(one.baselines[0])
                for one in directions
            ]
        )
        self._slices: list[Tensor] = []

    def record(self, layer: int, hidden: Tensor) -> None:
        """Adds the layer's part to the projections at some positions; `hidden` is `[positions, hidden]`."""
        if layer == 0:
            self._slices.append(torch.zeros(len(hidden), len(self._vectors)))
        products = hidden.detach().to("cpu", torch.float32) @ self._vectors[:, layer].T
        self._slices[-1] += (products - self._baselines[:, layer]) * self._scales[:, layer]

    def record_text_attention(self, layer: int, added: Tensor) -> None:
        """Not used: the states hold what attention to the text has added."""

    def projections(self) -> Tensor:
        """`[positions, directions]` of all that has passed."""
        return torch.cat(self._slices)
