"""Self-monitoring: how much of a push is still missing, measured in the music's own states while it is made."""

from __future__ import annotations

import torch
from torch import Tensor

from resonance_model.shape import CONDITIONAL

# Half a second of frames: shorter than a bar, longer than a note.
EASE_FRAMES = 25


class Monitor:
    """Watches one slot and says how much of its push to add.

    For layer l with push V and the mean state m of varied music, c = (h - m) V / |V|^2 is how many pushes the state h already lies along V:
    1 is the target. With `is_clamp` the part added is 1 - c at every position, negative where the music is beyond the target; otherwise
    it is the average over about `EASE_FRAMES` positions of 1 - c held to [0, 1], so that steering eases off and never pushes back.
    """

    def __init__(self, steering: Tensor, baselines: Tensor, *, is_clamp: bool) -> None:
        """`steering` `[layers, rows, hidden]` is the whole push, `baselines` `[layers]` the products m V."""
        self._push = steering[:, CONDITIONAL].float()
        # Plain numbers: reading them from a tensor in every step would have the host wait for a GPU.
        self._baselines: list[float] = baselines.float().tolist()
        self._squares: list[float] = self._push.square().sum(dim=1).tolist()
        self._is_clamp = is_clamp
        self._shares = torch.ones(len(steering))

    @property
    def shares(self) -> Tensor:
        """The part of the push that was last added, by layer `[layers]`."""
        return self._shares

    def pushed(self, layer: int, states: Tensor, push: Tensor) -> Tensor:
        """What to add to the states `[rows, positions, hidden]` in place of the whole push `[rows, hidden]`."""
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
