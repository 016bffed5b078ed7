"""Negative texts: guidance against a text, the same bits in any company."""

from __future__ import annotations

import pytest
import torch
from support.takes import PROMPTS, build_sequence, codes_alone, run

from resonance_model.config import CONDITIONAL, UNCONDITIONAL
from resonance_model.decoder.cuda_graphs import run_eagerly
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel

FRAMES = 16


def build(model: LoadedModel, prompt: str, negative: str, *, seed: int = 1) -> TokenSequence:
    sequence = build_sequence(model, prompt, frame_count=FRAMES, temperature=1.0, seed=seed)
    text = model.encode_text([negative])[0] if negative else None
    sequence.slot.conditioning = model.decoder.condition([(model.encode_text([prompt])[0], 1.0)], None, text)
    return sequence


def codes(sequence: TokenSequence) -> torch.Tensor:
    return sequence.frames(0, FRAMES)


def test_the_negative_branch_is_the_conditional_branch_of_its_text(tiny: LoadedModel) -> None:
    guided, plain = build(tiny, PROMPTS[0], "drums"), build(tiny, "drums", "")
    with torch.inference_mode():
        for step in range(4):
            inputs = torch.full((1, tiny.config.codebook_count), step)
            ours = tiny.decoder.advance([guided.slot], inputs)[0]
            theirs = tiny.decoder.advance([plain.slot], inputs)[0]
            assert torch.equal(ours[UNCONDITIONAL], theirs[CONDITIONAL])


def test_a_take_without_one_is_the_same_beside_takes_that_have_one(tiny: LoadedModel) -> None:
    together = [
        build(tiny, PROMPTS[0], ""),
        build(tiny, PROMPTS[1], "drums", seed=2),
        build(tiny, PROMPTS[2], "", seed=3),
    ]
    run(tiny, together)
    for sequence, prompt, seed in ((together[0], PROMPTS[0], 1), (together[2], PROMPTS[2], 3)):
        alone = codes_alone(tiny, prompt, frame_count=FRAMES, temperature=1.0, seed=seed)
        assert torch.equal(codes(sequence), alone)


def test_a_take_with_one_is_the_same_in_any_company(tiny: LoadedModel) -> None:
    alone, beside = build(tiny, PROMPTS[1], "drums"), build(tiny, PROMPTS[1], "drums")
    run(tiny, [alone])
    run(tiny, [build(tiny, PROMPTS[0], "", seed=5), beside, build(tiny, PROMPTS[2], "bass", seed=6)])
    assert torch.equal(codes(alone), codes(beside))
    assert not torch.equal(codes(alone), codes_alone(tiny, PROMPTS[1], frame_count=FRAMES, temperature=1.0, seed=1))


def test_reading_at_once_equals_stepping_with_a_negative_text(tiny: LoadedModel) -> None:
    stepped, read = build(tiny, PROMPTS[0], "drums"), build(tiny, PROMPTS[0], "drums")
    inputs = torch.randint(0, tiny.config.vocabulary_size, (tiny.config.codebook_count, 8))
    with torch.inference_mode():
        steps = [tiny.decoder.advance([stepped.slot], inputs[None, :, step])[0] for step in range(8)]
        whole = tiny.decoder.read(read.slot, inputs, with_logits=True)
    assert whole is not None
    torch.testing.assert_close(whole, torch.stack(steps, dim=1), atol=1e-4, rtol=1e-4)


def test_a_static_batch_leaves_it_to_the_plain_pass(tiny: LoadedModel) -> None:
    batch = StaticBatch(tiny.decoder, run_eagerly, place_count=2, position_count=64)
    negative, plain = build(tiny, PROMPTS[0], "drums"), build(tiny, PROMPTS[1], "")
    with torch.inference_mode():
        batch.assign([negative.slot, plain.slot])
    assert not batch.can_step(negative.slot)
    assert batch.can_step(plain.slot)


@pytest.mark.parametrize("word", ["drums", "bass"])
def test_guidance_falls_on_the_side_of_the_prompt(tiny: LoadedModel, word: str) -> None:
    """Guided logits are negative + scale * (conditional - negative): against its own prompt nothing is left to guide."""
    same = build(tiny, word, word)
    with torch.inference_mode():
        logits = tiny.decoder.advance([same.slot], torch.zeros((1, tiny.config.codebook_count), dtype=torch.long))[0]
    assert torch.equal(logits[CONDITIONAL], logits[UNCONDITIONAL])
