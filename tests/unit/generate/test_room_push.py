"""Push of a room: the weighted sum, its budget, and how much of each member is in it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resonance_generate.rooms.push import MemberVector, combine

LAYERS, HIDDEN = 3, 8


def vector(seed: int, *, weight: float = 1.0, scale: float = 1.0) -> MemberVector:
    steering = torch.zeros(LAYERS, 2, HIDDEN)
    steering[:, 0] = scale * torch.randn(LAYERS, HIDDEN, generator=torch.Generator().manual_seed(seed))
    return MemberVector(weight=weight, steering=steering, baselines=torch.full((LAYERS,), float(seed)))


members_of_a_room = st.lists(
    st.builds(
        vector,
        st.integers(0, 10_000),
        weight=st.floats(0, 1).map(lambda weight: round(weight, 3)),
        scale=st.floats(0.01, 5),
    ),
    min_size=1,
    max_size=32,
)


def test_one_member_alone_gets_exactly_what_they_would_get_without_a_room() -> None:
    one = vector(1)
    push = combine([one])
    assert torch.equal(push.steering, one.steering)
    assert torch.equal(push.baselines, one.baselines)
    assert push.push_shares == pytest.approx((1.0,))
    assert push.sounding_shares == pytest.approx((1.0,))
    assert push.budget_share == 1.0


@given(members_of_a_room)
def test_no_layer_is_pushed_further_than_by_its_boldest_member(members: list[MemberVector]) -> None:
    push = combine(members)
    if push.steering is None:
        return
    lengths = push.steering.flatten(1).norm(dim=1)
    budgets = torch.stack([one.steering.flatten(1).norm(dim=1) for one in members if one.weight]).amax(dim=0)
    assert (lengths <= budgets * (1 + 1e-5)).all()
    assert 0 < push.budget_share <= 1 + 1e-9


@given(members_of_a_room)
def test_the_shares_of_a_push_add_up_to_one(members: list[MemberVector]) -> None:
    push = combine(members)
    assert sum(push.push_shares) == pytest.approx(0.0 if push.is_zero else 1.0, abs=1e-6)


def test_members_who_ask_for_the_same_share_one_push() -> None:
    push = combine([vector(1), vector(1), vector(1)])
    assert torch.allclose(push.steering, vector(1).steering)
    assert push.push_shares == pytest.approx((1 / 3,) * 3)
    assert push.sounding_shares == pytest.approx((1.0,) * 3)
    assert push.budget_share == pytest.approx(1 / 3)


def test_members_who_ask_for_opposites_cancel_out_and_nothing_sounds() -> None:
    push = combine([vector(1), vector(1, scale=-1.0)])
    assert push.is_zero
    assert push.push_shares == (0.0, 0.0)
    assert push.sounding_shares == (0.0, 0.0)


def test_a_member_who_pulls_against_the_others_has_a_negative_share() -> None:
    push = combine([vector(1), vector(1), vector(1, scale=-0.5)])
    assert push.push_shares[2] < 0
    assert push.sounding_shares[2] < 0


def test_a_member_of_weight_zero_and_one_who_asks_for_nothing_have_no_share_and_no_part_in_the_budget() -> None:
    push = combine([vector(1), vector(2, weight=0.0, scale=9.0), MemberVector(weight=1.0, steering=None)])
    assert torch.equal(push.steering, vector(1).steering)
    assert push.push_shares[1:] == (0.0, 0.0)


def test_a_weight_counts_as_it_stands() -> None:
    push = combine([vector(1, weight=0.25)])
    assert torch.allclose(push.steering, 0.25 * vector(1).steering)
    assert push.sounding_shares == pytest.approx((0.25,))


def test_thirty_two_unlike_members_are_heard_alike() -> None:
    steerings = torch.eye(32).reshape(32, 1, 1, 32)
    push = combine([MemberVector(weight=1.0, steering=steering) for steering in steerings])
    assert push.sounding_shares == pytest.approx((32**-0.5,) * 32)
    assert push.push_shares == pytest.approx((1 / 32,) * 32)


def test_baselines_follow_the_steering_and_are_none_where_one_is_missing() -> None:
    both = combine([vector(2, weight=0.5), vector(4, weight=0.25)])
    factors = both.steering.flatten(1).norm(dim=1) / (0.5 * vector(2).steering + 0.25 * vector(4).steering).flatten(
        1
    ).norm(dim=1)
    assert torch.allclose(both.baselines, (0.5 * 2 + 0.25 * 4) * factors)
    without = MemberVector(weight=1.0, steering=vector(3).steering)
    assert combine([vector(1), without]).baselines is None
