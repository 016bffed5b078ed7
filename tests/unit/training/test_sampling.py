"""Sampling in training: constant guidance, schedules, and the proposal.

Constant guidance equals the product's, and the proposal loses nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model.training.sampler import EARLY_FRAMES, FALL_FRAMES, Point, chosen, penalty
from model.training.sampling_search import DEFAULT, proposed

from resonance_model.decoder.sampling import (
    NOVEL_FROM,
    NOVEL_TO,
    Sampling,
    counter_noise,
    novelty_penalty,
    sample_tokens,
)

LOGITS = torch.randn(5, 2, 4, 1024, generator=torch.Generator().manual_seed(3)) * 3


@pytest.mark.parametrize(("temperature", "top_k"), [(0.9, 50), (1.0, 250), (1.0, 0)])
def test_constant_guidance_chooses_what_the_product_chooses(temperature: float, top_k: int) -> None:
    samplings = [
        Sampling(guidance_scale=2.0, temperature=temperature, top_k=top_k, seed=seed) for seed in range(len(LOGITS))
    ]
    noise = torch.stack([counter_noise(seed, 9, 4) for seed in range(len(LOGITS))])
    ours = chosen(LOGITS, noise, Point(guidance=2.0, temperature=temperature, top_k=top_k), 9)
    assert torch.equal(ours, sample_tokens(LOGITS, samplings, [9] * len(LOGITS)))


@pytest.mark.parametrize("step", [4, 9, 60, 230])
def test_novelty_takes_what_the_product_takes(step: int) -> None:
    said = torch.randint(0, 20, (3, 4, 300), generator=torch.Generator().manual_seed(2))
    found = penalty(said, step, Point(novelty=1.5), 64)
    past = said[:, :1, max(0, step - NOVEL_TO) : max(0, step - NOVEL_FROM)]
    for taken, own in zip(found, past, strict=True):
        expected = novelty_penalty(own.numpy(), 1.5, 64) if own.numel() else torch.zeros(1, 64)
        assert torch.equal(taken[:1], expected)
        assert not taken[1:].any()


def test_early_guidance_ends_and_falling_guidance_falls() -> None:
    early, falling = Point(shape="early", late=1.5), Point(shape="falling", late=1.0)
    assert [early.guidance_at(step) for step in (0, EARLY_FRAMES - 1, EARLY_FRAMES)] == [3.0, 3.0, 1.5]
    assert [falling.guidance_at(step) for step in (0, FALL_FRAMES // 2, 2 * FALL_FRAMES)] == [3.0, 2.0, 1.0]


def test_min_p_keeps_only_what_is_nearly_as_likely_as_the_likeliest() -> None:
    noise = torch.full((len(LOGITS), 4), 0.999)
    assert torch.equal(chosen(LOGITS, noise, Point(guidance=1.0, top_k=0, min_p=1.0), 0), LOGITS[:, 0].argmax(-1))


def test_rescaled_scores_choose_as_before_where_nothing_is_guided() -> None:
    noise = torch.rand(len(LOGITS), 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    plain = chosen(LOGITS, noise, Point(guidance=1.0), 0)
    assert torch.equal(chosen(LOGITS, noise, Point(guidance=1.0, rescale=0.7), 0), plain)


def test_the_proposal_moves_most_of_those_that_lose_nothing() -> None:
    def figures(point: Point, motion: float, heard: float, words: float, still: int = 0) -> dict[str, Any]:
        return {
            "name": point.name(),
            "motion_median": motion,
            "collapsed": 0,
            "still": still,
            "instruments_heard": heard,
            "words": {"all": words},
        }

    points = [
        figures(DEFAULT, 0.02, 0.9, 0.9),
        figures(Point(guidance=1.0), 0.09, 0.6, 0.9),
        figures(Point(guidance=1.5), 0.08, 0.9, 0.9, still=1),
        figures(Point(guidance=2.0), 0.05, 0.875, 0.88),
    ]
    assert proposed(points)["name"] == Point(guidance=2.0).name()
