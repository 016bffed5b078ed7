"""Sampling: noise by seed and step, distribution of tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from resonance_model.decoder.sampling import Sampling, counter_noise, guided, novelty_penalty, sample_tokens

SAMPLING = Sampling(guidance_scale=3.0, temperature=1.0, top_k=0, seed=9)


def test_noise_depends_on_seed_and_step_alone() -> None:
    assert torch.equal(counter_noise(3, 5, 4), counter_noise(3, 5, 4))
    assert not torch.equal(counter_noise(3, 5, 4), counter_noise(3, 6, 4))
    assert not torch.equal(counter_noise(3, 5, 4), counter_noise(4, 5, 4))


def pair(logits: Tensor) -> Tensor:
    """One take's two branches that agree, so that guidance changes nothing."""
    return torch.stack([logits, logits])[None]


def test_tokens_follow_the_softmax() -> None:
    logits = pair(torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    drawn = torch.cat([sample_tokens(logits, [SAMPLING], [step])[0] for step in range(4000)])
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    torch.testing.assert_close(shares, torch.softmax(logits[0, 0, 0], 0), atol=0.03, rtol=0)


def test_top_k_keeps_only_the_most_likely() -> None:
    logits = pair(torch.tensor([[0.0, 5.0, 4.9, 1.0]]))
    sampling = Sampling(guidance_scale=3.0, temperature=2.0, top_k=2, seed=1)
    assert {int(sample_tokens(logits, [sampling], [step])) for step in range(200)} == {1, 2}


def test_temperature_zero_is_greedy() -> None:
    logits = torch.randn(4, 64)
    sampling = Sampling(guidance_scale=3.0, temperature=0.0, top_k=5, seed=1)
    assert torch.equal(sample_tokens(pair(logits), [sampling], [0])[0], logits.argmax(-1))


def test_a_takes_tokens_do_not_depend_on_how_others_are_sampled() -> None:
    logits = torch.randn(6, 2, 4, 64)
    samplings = [
        Sampling(guidance_scale=1.0 + index, temperature=0.5 * index, top_k=(0, 5, 9)[index % 3], seed=index)
        for index in range(6)
    ]
    steps = [7 * index for index in range(6)]
    together = sample_tokens(logits, samplings, steps)
    for index in range(6):
        alone = sample_tokens(logits[index : index + 1], [samplings[index]], [steps[index]])
        assert torch.equal(together[index], alone[0])


def test_guidance_of_one_is_the_conditional_branch() -> None:
    conditional, unconditional = torch.randn(2, 4, 8)
    torch.testing.assert_close(guided(conditional, unconditional, 1.0), conditional)
    torch.testing.assert_close(guided(conditional, unconditional, 0.0), unconditional)


def test_the_penalty_counts_what_was_said_and_nothing_else() -> None:
    said = np.array([[3, 3, 3, 0, -1, 5]])
    penalty = novelty_penalty(said, 2.0, 8)
    expected = np.zeros((1, 8), np.float32)
    expected[0, [0, 5]], expected[0, 3] = 2 * np.log(2), 2 * np.log(4)
    assert penalty.numpy() == pytest.approx(expected)


def test_a_penalty_is_taken_from_the_first_codebook_of_its_take_alone() -> None:
    logits = torch.zeros(2, 2, 4, 16)
    logits[:, :, :, 7] = 5.0
    samplings = [Sampling(guidance_scale=1.0, temperature=0.0, top_k=0, seed=seed) for seed in (0, 1)]
    penalty = torch.zeros(1, 16)
    penalty[0, 7] = 6.0
    plain = sample_tokens(logits.clone(), samplings, [0, 0])
    held = sample_tokens(logits.clone(), samplings, [0, 0], [penalty, None])
    assert plain.tolist() == [[7] * 4] * 2
    assert held[0, 0] != 7
    assert held[0, 1:].tolist() == [7] * 3
    assert held[1].tolist() == [7] * 4
