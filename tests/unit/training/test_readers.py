"""Training readers: trait weights, chord labels, unchanged decoder."""

from __future__ import annotations

import math

import pytest
import torch
from model.training.language_model import WIDTH
from model.training.readers import HARD_TRAITS, PUSH, TRAIT_WEIGHT, TRAITS, Guides, Roots, trait_weights
from torch import nn

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


def test_a_chord_is_asked_only_where_one_is_told() -> None:
    torch.manual_seed(0)
    reader, states = Roots(), {0: torch.randn(2, 40, WIDTH), 1: torch.randn(2, 40, WIDTH)}
    roots = torch.full((2, 30), 4)
    untold = roots.clone()
    untold[1] = -100
    assert reader.loss(states, untold) == reader.loss({place: one[:1] for place, one in states.items()}, roots[:1])
    assert reader.loss(states, torch.full((2, 30), -100)) == 0


def test_readers_alone_leave_the_decoder_as_it_is() -> None:
    layers = nn.ModuleList(nn.Identity() for _ in range(4))
    guides, states = Guides(layers), torch.randn(1, 8, WIDTH, requires_grad=True)
    for alone in (True, False):
        guides.alone = alone
        for layer in layers:
            layer(states)
        assert guides.states[1].requires_grad is not alone
