"""Push of a room: the weighted sum of its members' vectors within the budget of one person.

docs/decisions/rooms.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberVector:
    """The vector of one member, `[layers, branches, hidden]`, and how much the member counts.

    `steering` is None for a member who asks for nothing. `baselines` `[layers]` belong to it, or are None.
    """

    weight: float
    steering: Tensor | None
    baselines: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What the members ask for together.

    `push_shares` are the projections of each member's contribution on the push; they add up to 1 unless the push is zero.
    `sounding_shares` are the projections of the push on each member's own vector: 1 is what the member would get alone. `budget_share` is
    the length of the push over that of the weighted sum.
    """

    steering: Tensor | None
    baselines: Tensor | None
    push_shares: tuple[float, ...]
    sounding_shares: tuple[float, ...]
    budget_share: float

    @property
    def is_zero(self) -> bool:
        """True where nothing pushes."""
        return self.steering is None


def combine(members: Sequence[MemberVector]) -> Push:
    """The weighted sum, shortened in each layer to the longest vector that any member who counts asks for there.

    A member's own vector is within the safe ranges of one person, so that no crowd pushes a layer further than its boldest member could
    alone. Members who ask for the same do not add up beyond that, and members who ask for opposites cancel out.
    """
    counted = [one for one in members if one.steering is not None and one.weight > 0]
    vectors = [one.steering for one in counted if one.steering is not None]
    nothing = tuple(0.0 for _ in members)
    if not vectors:
        return Push(steering=None, baselines=None, push_shares=nothing, sounding_shares=nothing, budget_share=1.0)
    stacked = torch.stack(vectors).double()
    weights = torch.tensor([one.weight for one in counted], dtype=torch.float64)
    total = torch.einsum("m,mlbh->lbh", weights, stacked)
    factors = _layer_factors(total, stacked)
    push = total * factors[:, None, None]
    if not push.any():
        return Push(steering=None, baselines=None, push_shares=nothing, sounding_shares=nothing, budget_share=1.0)
    contributions = stacked * factors[None, :, None, None] * weights[:, None, None, None]
    squared = push.pow(2).sum()
    push_shares = (contributions * push).sum(dim=(1, 2, 3)) / squared
    own = stacked.pow(2).sum(dim=(1, 2, 3)).clamp_min(1e-30)
    sounding = (stacked * push).sum(dim=(1, 2, 3)) / own
    shares = iter(zip(push_shares.tolist(), sounding.tolist(), strict=True))
    told = [next(shares) if any(one is other for other in counted) else (0.0, 0.0) for one in members]
    return Push(
        steering=push.float(),
        baselines=_combine_baselines(counted, weights, factors),
        push_shares=tuple(share for share, _ in told),
        sounding_shares=tuple(share for _, share in told),
        budget_share=float(push.norm() / total.norm()),
    )


def _layer_factors(total: Tensor, vectors: Tensor) -> Tensor:
    """Factors `[layers]` of at most 1 that bring each layer of the sum within its budget."""
    budgets = vectors.flatten(2).norm(dim=2).amax(dim=0)
    lengths = total.flatten(1).norm(dim=1)
    return torch.where(lengths > budgets, budgets / lengths.clamp_min(1e-30), torch.ones_like(lengths))


def _combine_baselines(members: Sequence[MemberVector], weights: Tensor, factors: Tensor) -> Tensor | None:
    """Baselines of the push: they are linear in the steering. None where a member's vector has none."""
    baselines = [one.baselines for one in members if one.baselines is not None]
    if len(baselines) < len(members):
        return None
    return (torch.einsum("m,ml->l", weights, torch.stack(baselines).double()) * factors).float()
