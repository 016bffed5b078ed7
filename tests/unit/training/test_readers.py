"""What training's readers weigh: a trait that is not found yet is pushed, one that is found is let go."""

from __future__ import annotations

import math

import pytest
import torch
from model.training.readers import HARD_TRAITS, PUSH, TRAIT_WEIGHT, TRAITS, trait_weights

CHANCE = torch.tensor([math.log(classes) for classes in TRAITS.values()])


def test_only_a_hard_trait_near_chance_is_pushed() -> None:
    weights = dict(zip(TRAITS, (trait_weights(CHANCE) / TRAIT_WEIGHT).tolist(), strict=True))
    for name, weight in weights.items():
        assert weight == pytest.approx(PUSH if name in HARD_TRAITS else 1.0)


def test_a_trait_that_is_found_falls_back_to_its_own_weight() -> None:
    weights = dict(zip(TRAITS, (trait_weights(0.8 * CHANCE) / TRAIT_WEIGHT).tolist(), strict=True))
    for name, weight in weights.items():
        assert weight == pytest.approx(HARD_TRAITS.get(name, 1.0))


def test_nothing_is_pushed_before_anything_was_heard() -> None:
    assert trait_weights(torch.zeros(len(TRAITS))).max() < PUSH * TRAIT_WEIGHT
