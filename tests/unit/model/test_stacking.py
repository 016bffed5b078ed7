"""Stacked and adaptive steering: requested projections, easing without reversal."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonance.steering.direction import Direction
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.adaptive import EASE_FRAMES, AdaptiveSteering
from resonance_model.steering.stacking import WeightedDirection, joint_weights, stack


def two_rows(cosine: float, seed: int = 0, size: int = 64) -> np.ndarray:  # type: ignore[type-arg]
    """Two vectors of lengths 2 and 0.5 with a given cosine."""
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, 2)))[0].T
    other = cosine * basis[0] + np.sqrt(1 - cosine**2) * basis[1]
    return np.stack([2.0 * basis[0], 0.5 * other]).astype(np.float32)


@pytest.mark.parametrize("cosine", [-0.5, -0.2, 0.0, 0.3, 0.6])
@pytest.mark.parametrize("asked", [(1.0, 1.0), (1.0, -1.0), (2.0, -0.5)])
def test_each_direction_gets_what_is_asked_of_it(cosine: float, asked: tuple[float, float]) -> None:
    rows = two_rows(cosine)
    lengths = np.linalg.norm(rows, axis=1)
    steering = joint_weights(rows, np.array(asked, dtype=np.float32)) @ rows
    got = rows @ steering / np.square(lengths)
    plain = rows @ (np.array(asked, dtype=np.float32) @ rows) / np.square(lengths)
    # What is left is the ridge's share, and the limit on the length where two asks fight.
    assert np.abs(got - asked).max() <= max(0.3 * np.abs(plain - asked).max(), 1e-5)


def test_directions_that_nearly_cancel_do_not_make_the_steering_longer() -> None:
    rows = two_rows(0.999)
    weights = joint_weights(rows, np.array([1.0, -1.0], dtype=np.float32))
    assert np.linalg.norm(weights @ rows) <= np.linalg.norm(rows, axis=1).sum() * 1.0001


def direction(tiny: LoadedModel, seed: int) -> Direction:
    chance = np.random.default_rng(seed)
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    rows, shared = chance.normal(size=(2, *shape)).astype(np.float32)
    mean = chance.normal(size=shape).astype(np.float32)
    baselines = np.stack([(mean * rows).sum(1), (mean * shared).sum(1)]).astype(np.float32)
    return Direction(model_digest="m", per_layer=rows, one_to_all=shared, baselines=baselines)


def test_one_direction_alone_gives_the_same_bits_either_way(tiny: LoadedModel) -> None:
    directions = [WeightedDirection(direction=direction(tiny, 1), strength=1.7, layer_gains={1: 0.3})]
    joint = stack(directions, tiny.config, digest="m", both_branches=False, is_joint=True)
    plain = stack(directions, tiny.config, digest="m", both_branches=False, is_joint=False)
    assert joint is not None
    assert plain is not None
    assert torch.equal(joint.steering, plain.steering)


def test_gains_of_the_same_direction_are_added(tiny: LoadedModel) -> None:
    one = direction(tiny, 1)
    twice = stack(
        [WeightedDirection(direction=one, strength=1.0)] * 2,
        tiny.config,
        digest="m",
        both_branches=False,
        is_joint=True,
    )
    double = stack(
        [WeightedDirection(direction=one, strength=2.0)], tiny.config, digest="m", both_branches=False, is_joint=True
    )
    assert twice is not None
    assert double is not None
    assert torch.allclose(twice.steering, double.steering)


def test_a_layer_in_which_a_direction_is_zero_has_the_other_one_alone(tiny: LoadedModel) -> None:
    one, other = direction(tiny, 1), direction(tiny, 2)
    one.per_layer[1] = 0.0
    both = [WeightedDirection(direction=one, strength=1.0), WeightedDirection(direction=other, strength=0.5)]
    found = stack(both, tiny.config, digest="m", both_branches=False, is_joint=True)
    assert found is not None
    assert found.steering[1, 0].numpy() == pytest.approx(0.5 * other.per_layer[1])


def test_a_gain_of_zero_takes_a_direction_out_of_that_layer(tiny: LoadedModel) -> None:
    first, second = direction(tiny, 1), direction(tiny, 2)
    directions = [
        WeightedDirection(direction=first, strength=1.0),
        WeightedDirection(direction=second, strength=1.0, layer_gains={0: 0.0}),
    ]
    stacked = stack(directions, tiny.config, digest="m", both_branches=False, is_joint=True)
    assert stacked is not None
    np.testing.assert_allclose(stacked.steering[0, 0].numpy(), first.per_layer[0], rtol=1e-5)


def test_baselines_follow_the_steering(tiny: LoadedModel) -> None:
    first = direction(tiny, 1)
    stacked = stack(
        [WeightedDirection(direction=first, strength=3.0)], tiny.config, digest="m", both_branches=False, is_joint=True
    )
    assert stacked is not None
    assert stacked.baselines is not None
    assert first.baselines is not None
    np.testing.assert_allclose(stacked.baselines.numpy(), 3.0 * first.baselines[0], rtol=1e-5)


# --- adaptive steering


def build_adaptive(*, is_clamp: bool) -> tuple[AdaptiveSteering, torch.Tensor]:
    steering = torch.zeros(1, 2, 4)
    steering[0, 0] = torch.tensor([3.0, 0.0, 0.0, 0.0])
    return AdaptiveSteering(steering, torch.tensor([6.0]), is_clamp=is_clamp), steering[0]


def states_at(share: float) -> torch.Tensor:
    """States `[branches, 1, hidden]` that show `share` times the steering beyond the baseline, 2 along the first coordinate."""
    states = torch.zeros(2, 1, 4)
    states[0, 0, 0] = 2.0 + 3.0 * share
    return states


def test_clamping_sets_the_projection_in_both_directions() -> None:
    for share in (-0.5, 0.3, 1.0, 2.5):
        adaptive, steering = build_adaptive(is_clamp=True)
        after = states_at(share) + adaptive.addition(0, states_at(share), steering)
        assert after[0, 0, 0].item() == pytest.approx(5.0)
        assert not after[1].any()


def test_easing_keeps_the_steering_while_it_is_missing_and_stops_at_the_target() -> None:
    adaptive, steering = build_adaptive(is_clamp=False)
    for _ in range(10 * EASE_FRAMES):
        whole = adaptive.addition(0, states_at(0.0), steering)
    assert whole[0, 0, 0].item() == pytest.approx(3.0, rel=1e-3)
    for _ in range(10 * EASE_FRAMES):
        eased = adaptive.addition(0, states_at(2.0), steering)
    assert 0 <= eased[0, 0, 0].item() < 0.01
    half, steering = build_adaptive(is_clamp=False)
    for _ in range(10 * EASE_FRAMES):
        eased = half.addition(0, states_at(0.5), steering)
    assert eased[0, 0, 0].item() == pytest.approx(1.5, rel=1e-2)


@torch.inference_mode()
def generate_tokens(tiny: LoadedModel, rules: list[str | None]) -> list[torch.Tensor]:
    """Tokens of one sequence per rule, all in one batch."""
    stacked = stack(
        [WeightedDirection(direction=direction(tiny, 4), strength=2.0)],
        tiny.config,
        digest="m",
        both_branches=False,
        is_joint=True,
    )
    assert stacked is not None
    assert stacked.baselines is not None
    sequences = []
    for rule in rules:
        slot = CacheSlot(tiny.config, tiny.decoder.condition([(tiny.encode_text(["jazz"])[0], 1.0)]))
        if rule is not None:
            slot.steering = stacked.steering
        if rule in {"ease", "clamp"}:
            slot.adaptive = AdaptiveSteering(stacked.steering, stacked.baselines, is_clamp=rule == "clamp")
        sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=0, seed=5)
        sequences.append(
            TokenSequence(tiny.decoder, slot, sampling, frame_count=20, window_steps=200, context_frames=50)
        )
    while not sequences[0].is_finished:
        advance(tiny.decoder, sequences)
    return [sequence.frames(0, 20) for sequence in sequences]


def test_adaptive_steering_of_a_take_changes_no_other_take(tiny: LoadedModel) -> None:
    alone = generate_tokens(tiny, [None])[0]
    among = generate_tokens(tiny, ["clamp", None, "ease", "add"])
    assert torch.equal(alone, among[1])
    assert not torch.equal(among[0], among[3]), "clamping is not adding"


def test_reading_a_stretch_is_clamped_as_step_by_step(tiny: LoadedModel) -> None:
    adaptive, steering = build_adaptive(is_clamp=True)
    stretch = torch.cat([states_at(share) for share in (0.0, 0.4, 3.0)], dim=1)
    after = stretch + adaptive.addition(0, stretch, steering)
    assert after[0, :, 0].tolist() == pytest.approx([5.0, 5.0, 5.0])
