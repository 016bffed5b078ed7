"""Self-monitoring: how much of a push is still missing, measured in the music's own states while it is made."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from resonance_model.config import CONDITIONAL

# Half a second of frames: shorter than a bar, longer than a note.
EASE_FRAMES = 25


class AdaptiveSteering:
    """Watches one slot and says how much of its push to add.

    For layer l with push V and the mean state m of varied music, c = (h - m) V / |V|^2 is how many pushes the state h already lies along V:
    1 is the target. With `is_clamp` the part added is 1 - c at every position, negative where the music is beyond the target; otherwise
    it is the average over about `EASE_FRAMES` positions of 1 - c held to [0, 1], so that steering eases off and never pushes back.

    A change of steering is a new monitor that goes on from the old one (`continue_from`): what was added last fades while the new push comes.
    """

    def __init__(self, steering: Tensor, baselines: Tensor, *, is_clamp: bool) -> None:
        """`steering` `[layers, rows, hidden]` is the whole push, `baselines` `[layers]` the products m V."""
        self._push = steering[:, CONDITIONAL].float()
        # Plain numbers: reading them from a tensor in every step would have the host wait for a GPU.
        self._baselines: list[float] = baselines.float().tolist()
        self._squares: list[float] = self._push.square().sum(dim=1).tolist()
        self._is_clamp = is_clamp
        self._shares = torch.ones(len(steering))
        self._fading: Tensor | None = None
        self._fading_part = 0.0

    @property
    def shares(self) -> Tensor:
        """The part of the push that was last added, by layer `[layers]`."""
        return self._shares

    def continue_from(self, whole: Tensor, shares: Tensor, in_force: Tensor) -> None:
        """Goes on from another push: `whole` `[layers, rows, hidden]`, of which the `shares` `[layers]` were added, `in_force` in all.

        Music to which only the share s of a push V was added lies (1 - s) V along it already, and so much of that as lies along the new
        push need not be added again.
        """
        squares = torch.tensor(self._squares).clamp(min=torch.finfo(torch.float32).tiny)
        aligned = (whole[:, CONDITIONAL].float().cpu() * self._push.cpu()).sum(dim=1) / squares
        self._shares = (1.0 - (1.0 - shares.cpu().clamp(0.0, 1.0)) * aligned).clamp(0.0, 1.0)
        self._fading, self._fading_part = in_force, 1.0

    def fork(self) -> AdaptiveSteering:
        """One that goes on from here by itself: for music that is read aside."""
        other = copy(self)
        other._shares = self._shares.clone()
        return other

    def fade(self, part: float) -> None:
        """How much of the push before is still added, from 1 to 0."""
        self._fading_part = part
        if part == 0.0:
            self._fading = None

    def applied(self, steering: Tensor) -> Tensor:
        """What was last added of the steering `[layers, rows, hidden]`, with what still fades."""
        added = steering * self._shares[:, None, None].to(steering)
        return added if self._fading is None else added + self._fading.to(steering) * self._fading_part

    def addition(self, layer: int, states: Tensor, push: Tensor) -> Tensor:
        """What to add to the states `[rows, positions, hidden]` in place of the whole push `[rows, hidden]`."""
        added = self._missing(layer, states, push)
        if self._fading is None:
            return added
        return added + (self._fading[layer, : len(push), None] * self._fading_part).to(states)

    def _missing(self, layer: int, states: Tensor, push: Tensor) -> Tensor:
        square = self._squares[layer]
        if square == 0.0:
            return push[:, None].to(states)
        self._follow(states.device)
        heard = states[CONDITIONAL].float() @ self._push[layer]
        missing = 1.0 - (heard - self._baselines[layer]) / square
        if self._is_clamp:
            self._shares[layer] = missing[-1]
            return push[:, None].to(states) * missing[None, :, None].to(states)
        ease = min(1.0, len(missing) / EASE_FRAMES)
        share = self._shares[layer]
        self._shares[layer] = share + ease * (missing.clamp(0.0, 1.0).mean() - share)
        return push[:, None].to(states) * self._shares[layer].to(states)

    def _follow(self, device: torch.device) -> None:
        if self._push.device != device:
            self._push, self._shares = self._push.to(device), self._shares.to(device)
