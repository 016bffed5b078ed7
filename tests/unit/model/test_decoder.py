"""Decoder gates: equal tokens alone, batched and through the library."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from support.takes import PROMPTS, build_sequence, codes_alone, run
from torch import Tensor

from resonance_model.decoder.sampling import sample_tokens
from resonance_model.linear import ROWS_MIN
from resonance_model.loaded_model import LoadedModel

FRAMES = 24


def library_codes(model: LoadedModel, prompt: str, frame_count: int) -> Tensor:
    """Codes of transformers' own `generate`, greedily, with guidance 3."""
    found: list[Tensor] = []
    codec = model.library.audio_encoder
    decode = codec.decode

    def keep(audio_codes: Tensor, *args: Any, **kwargs: Any) -> Any:
        found.append(audio_codes)
        return decode(audio_codes, *args, **kwargs)

    codec.decode = keep
    try:
        tokens = model.encode_text.tokenizer([prompt], return_tensors="pt")  # type: ignore[attr-defined]
        with torch.inference_mode():
            model.library.generate(
                **tokens,
                do_sample=False,
                guidance_scale=3.0,
                max_new_tokens=frame_count + model.config.codebook_count - 1,
            )
    finally:
        del codec.decode
    return found[0][0, 0]


@pytest.mark.parametrize("prompt", [*PROMPTS, "drums", "bass and " * 100])
def test_tokens_equal_the_librarys_generate(tiny: LoadedModel, prompt: str) -> None:
    assert torch.equal(codes_alone(tiny, prompt, frame_count=FRAMES), library_codes(tiny, prompt, FRAMES))


@pytest.mark.parametrize("joins", [(0, 1, 2), (0, 3, 4), (0, 0, 22), (5, 0, 26)])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_joining_and_leaving_changes_no_other_takes_tokens(
    tiny: LoadedModel, joins: tuple[int, ...], temperature: float
) -> None:
    frames = (FRAMES, 10, 31)
    sequences = [
        build_sequence(tiny, prompt, frame_count=count, temperature=temperature, seed=seed)
        for seed, (prompt, count) in enumerate(zip(PROMPTS, frames, strict=False))
    ]
    run(tiny, sequences, joins)
    for seed, (sequence, prompt, count) in enumerate(zip(sequences, PROMPTS, frames, strict=False)):
        alone = codes_alone(tiny, prompt, frame_count=count, temperature=temperature, seed=seed)
        assert torch.equal(sequence.frames(0, count), alone)


def test_eight_differently_steered_takes_give_what_they_give_alone(tiny: LoadedModel) -> None:
    steerings = [
        torch.randn(tiny.config.layer_count, 2, tiny.config.hidden_size) * 0.3 * (seed % 3) for seed in range(8)
    ]
    options: list[dict[str, Any]] = [
        {"frame_count": 12 + 3 * seed, "seed": seed, "temperature": 1.0, "steering": steerings[seed]}
        for seed in range(8)
    ]
    sequences = [build_sequence(tiny, PROMPTS[seed % 4], **options[seed]) for seed in range(8)]
    run(tiny, sequences, joins=[0, 1, 1, 2, 5, 9, 9, 20])
    for seed, sequence in enumerate(sequences):
        alone = codes_alone(tiny, PROMPTS[seed % 4], **options[seed])
        assert torch.equal(sequence.frames(0, alone.shape[1]), alone)


def test_two_threads_with_slots_of_their_own_do_not_disturb_each_other(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The all-in-one process extracts and generates through one decoder."""

    def options(seed: int) -> dict[str, Any]:
        steering = (
            torch.randn(
                tiny.config.layer_count, 2, tiny.config.hidden_size, generator=torch.Generator().manual_seed(seed)
            )
            * 0.3
        )
        return {"frame_count": 40, "seed": seed, "temperature": 1.0, "steering": steering if seed % 3 else None}

    def company(seeds: range) -> list[Tensor]:
        sequences = [build_sequence(tiny, PROMPTS[seed % 4], **options(seed)) for seed in seeds]
        run(tiny, sequences)
        return [sequence.frames(0, 40) for sequence in sequences]

    join = torch.cat

    def slowly(*args: Any, **kwargs: Any) -> Tensor:
        time.sleep(0.001)  # other threads run in the middle of laying out the steering
        return join(*args, **kwargs)

    with monkeypatch.context() as patched, ThreadPoolExecutor(3) as pool:
        patched.setattr(torch, "cat", slowly)
        together = list(pool.map(company, [range(4), range(4, 6), range(6, 7)]))
    for seed, codes in enumerate(codes for each in together for codes in each):
        assert torch.equal(codes, codes_alone(tiny, PROMPTS[seed % 4], **options(seed)))


def test_a_slots_logits_are_the_same_bits_in_any_company(tiny: LoadedModel) -> None:
    def logits_with(count: int) -> Tensor:
        sequences = [build_sequence(tiny, PROMPTS[index % 4], frame_count=9) for index in range(count)]
        with torch.inference_mode():
            tokens = torch.stack([sequence.inputs() for sequence in sequences])
            return tiny.decoder.advance([sequence.slot for sequence in sequences], tokens)[0]

    assert ROWS_MIN == 4
    alone = logits_with(1)
    assert all(torch.equal(alone, logits_with(count)) for count in (2, 3, 5, 8, 16))


def test_zero_steering_is_bitwise_no_steering(tiny: LoadedModel) -> None:
    zero = torch.zeros(tiny.config.layer_count, 2, tiny.config.hidden_size)
    options: dict[str, Any] = {"frame_count": FRAMES, "temperature": 1.0}
    assert torch.equal(
        codes_alone(tiny, PROMPTS[0], steering=zero, **options), codes_alone(tiny, PROMPTS[0], **options)
    )


def test_steering_changes_the_tokens(tiny: LoadedModel) -> None:
    steering = torch.randn(tiny.config.layer_count, 2, tiny.config.hidden_size)
    assert not torch.equal(
        codes_alone(tiny, PROMPTS[0], steering=steering, frame_count=FRAMES),
        codes_alone(tiny, PROMPTS[0], frame_count=FRAMES),
    )


def test_reading_at_once_equals_stepping(tiny: LoadedModel) -> None:
    stepped = build_sequence(tiny, PROMPTS[1], frame_count=20)
    inputs = []
    logits = []
    with torch.inference_mode():
        for _ in range(15):
            inputs.append(stepped.inputs())
            out = tiny.decoder.advance([stepped.slot], inputs[-1][None])
            logits.append(out[0])
            stepped.accept(sample_tokens(out, [stepped.sampling], [stepped.step])[0])
        read = build_sequence(tiny, PROMPTS[1], frame_count=20)
        first = tiny.decoder.read(read.slot, torch.stack(inputs[:6], dim=1), with_logits=True)
        second = tiny.decoder.read(read.slot, torch.stack(inputs[6:], dim=1), with_logits=True)
    assert first is not None
    assert second is not None
    whole = torch.cat([first, second], dim=1)
    torch.testing.assert_close(whole, torch.stack(logits, dim=1), atol=1e-4, rtol=1e-4)


def test_a_text_of_weight_zero_changes_nothing(tiny: LoadedModel) -> None:
    first, second = tiny.encode_text([PROMPTS[0], PROMPTS[1]])
    alone = tiny.decoder.condition([(first, 1.0)])
    both = tiny.decoder.condition([(first, 1.0), (second, 1e-30)])
    sequence, other = (build_sequence(tiny, PROMPTS[0], frame_count=4) for _ in range(2))
    sequence.slot.conditioning, other.slot.conditioning = alone, both
    with torch.inference_mode():
        tokens = sequence.inputs()[None]
        torch.testing.assert_close(
            tiny.decoder.advance([sequence.slot], tokens),
            tiny.decoder.advance([other.slot], tokens),
            atol=1e-4,
            rtol=1e-4,
        )
