"""Changes of parameters during a take: what differs, and the steering on the way to it."""

from __future__ import annotations

import torch
from torch import Tensor

from resonance_generate.engine.request import GenerationParams, SteeringRule
from resonance_model.steering.adaptive import AdaptiveSteering


def build_adaptive_steering(params: GenerationParams) -> AdaptiveSteering | None:
    """The adaptive steering of the parameters' rule; None for the rule ADD, and without steering or baselines."""
    if params.rule is SteeringRule.ADD or params.steering is None or params.baselines is None:
        return None
    return AdaptiveSteering(params.steering, params.baselines, is_clamp=params.rule is SteeringRule.CLAMP)


def is_conditioned_otherwise(one: GenerationParams, other: GenerationParams) -> bool:
    """True where prompts, negative text or melody differ."""
    return (one.prompts, one.negative) != (other.prompts, other.negative) or one.melody is not other.melody


def is_steered_alike(one: GenerationParams, other: GenerationParams) -> bool:
    """True where steering and rule are the same: a change of the prompt alone must not restart the steering."""
    return (
        one.rule is other.rule and _is_equal(one.steering, other.steering) and _is_equal(one.baselines, other.baselines)
    )


def _is_equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or torch.equal(one, other)


def steering_between(start: Tensor | None, target: Tensor | None, share: float) -> Tensor | None:
    """Steering at a share of the way from `start` to `target`; None stands for zeros."""
    if start is None and target is None:
        return None
    if start is None:
        return target * share if target is not None else None
    return start * (1 - share) if target is None else start + (target - start) * share
