"""Adaptive steering: adds the missing part of a steering vector.

The missing part is the one that the hidden states of the music do not show yet.
"""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from resonance_model.config import CONDITIONAL

# Half a second of frames: shorter than a bar, longer than a note.
EASE_FRAMES = 25


class AdaptiveSteering:
    """Measures one slot's states and scales its steering.

    For layer l with steering V and the mean state m of varied music, c = (h - m) V / |V|^2 is the multiple of V that the state h shows:
    1 is the target. With `is_clamp` each position gets (1 - c) V, negative where the music is beyond the target. Otherwise V is scaled
    by the average over about `EASE_FRAMES` positions of 1 - c held to [0, 1], so that steering eases off and never turns back.

    A change of steering is another instance that starts from the old one (`continue_from`): what was added last fades out while the
    new steering comes in.
    """

    def __init__(self, steering: Tensor, baselines: Tensor, *, is_clamp: bool) -> None:
        """`steering` is V `[layers, branches, hidden]`, `baselines` `[layers]` are the products m V."""
        self._steering = steering[:, CONDITIONAL].float()
        # Python numbers: reading them from a tensor in each step would make the host wait for a GPU.
        self._baselines: list[float] = baselines.float().tolist()
        self._squares: list[float] = self._steering.square().sum(dim=1).tolist()
        self._is_clamp = is_clamp
        self._shares = torch.ones(len(steering))
        self._fading: Tensor | None = None
        self._fading_part = 0.0

    @property
    def shares(self) -> Tensor:
        """Parts of the steering that were added last, `[layers]`."""
        return self._shares

    def continue_from(self, steering: Tensor, shares: Tensor, applied: Tensor) -> None:
        """Starts from earlier steering `[layers, branches, hidden]`, of which `shares` `[layers]` were added; `applied` is the product.

        Music to which the share s of a steering V was added shows (1 - s) V already. The part of that along the new steering need not
        be added again.
        """
        squares = torch.tensor(self._squares).clamp(min=torch.finfo(torch.float32).tiny)
        aligned = (steering[:, CONDITIONAL].float().cpu() * self._steering.cpu()).sum(dim=1) / squares
        self._shares = (1.0 - (1.0 - shares.cpu().clamp(0.0, 1.0)) * aligned).clamp(0.0, 1.0)
        self._fading, self._fading_part = applied, 1.0

    def fork(self) -> AdaptiveSteering:
        """A copy that goes on by itself, for positions that are read into another slot."""
        other = copy(self)
        other._shares = self._shares.clone()
        return other

    def fade(self, part: float) -> None:
        """Sets the part of the earlier steering that is still added, from 1 to 0."""
        self._fading_part = part
        if part == 0.0:
            self._fading = None

    def applied(self, steering: Tensor) -> Tensor:
        """The addition of the last step `[layers, branches, hidden]`, of the steering and of what still fades."""
        added = steering * self._shares[:, None, None].to(steering)
        return added if self._fading is None else added + self._fading.to(steering) * self._fading_part

    def addition(self, layer: int, states: Tensor, steering: Tensor) -> Tensor:
        """Addition to the states `[branches, positions, hidden]` in place of the whole steering `[branches, hidden]`."""
        added = self._missing(layer, states, steering)
        if self._fading is None:
            return added
        return added + (self._fading[layer, : len(steering), None] * self._fading_part).to(states)

    def _missing(self, layer: int, states: Tensor, steering: Tensor) -> Tensor:
        square = self._squares[layer]
        if square == 0.0:
            return steering[:, None].to(states)
        self._move_to(states.device)
        projection = states[CONDITIONAL].float() @ self._steering[layer]
        missing = 1.0 - (projection - self._baselines[layer]) / square
        if self._is_clamp:
            self._shares[layer] = missing[-1]
            return steering[:, None].to(states) * missing[None, :, None].to(states)
        ease = min(1.0, len(missing) / EASE_FRAMES)
        share = self._shares[layer]
        self._shares[layer] = share + ease * (missing.clamp(0.0, 1.0).mean() - share)
        return steering[:, None].to(states) * self._shares[layer].to(states)

    def _move_to(self, device: torch.device) -> None:
        if self._steering.device != device:
            self._steering, self._shares = self._steering.to(device), self._shares.to(device)
