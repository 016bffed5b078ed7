"""Static batch: tokens equal the plain step's, also when replayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.checkpoints import TINY, TINY_MELODY, TINY_STEREO, make_checkpoint
from support.gates import MOMENTS, SLOT_COUNTS, build_specs, join_steps
from support.takes import PROMPTS, build_sequence, codes_alone, run
from support.tape import Taping
from torch import Tensor

from resonance.settings import Settings
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.cuda_graphs import GraphRecorder, run_eagerly
from resonance_model.decoder.sampling import (
    BatchedSampling,
    Sampling,
    counter_noise,
    sample_tokens,
    sample_tokens_fixed_shape,
)
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.static_batch import LENGTH_BLOCK, TEXT_BLOCK, StaticBatch
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers
from resonance_model.steering.adaptive import AdaptiveSteering

PLANS = {"text": TINY, "stereo": TINY_STEREO, "melody": TINY_MELODY}


@pytest.fixture(scope="module", params=list(PLANS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = make_checkpoint(tmp_path_factory.mktemp("models") / "checkpoint", PLANS[request.param])
    return load_transformers(str(folder), Settings())


@pytest.fixture(params=["run_eagerly", "taped"])
def capture(request: pytest.FixtureRequest) -> Iterator[GraphRecorder]:
    taping = Taping()
    yield run_eagerly if request.param == "run_eagerly" else taping
    assert request.param == "run_eagerly" or taping.play_count > 0


def build_static_batch(
    model: LoadedModel, capture: GraphRecorder, *, places: int = 8, positions: int = 1504
) -> StaticBatch:
    return StaticBatch(model.decoder, capture, place_count=places, position_count=positions)


def build_steering(model: LoadedModel, seed: int) -> Tensor | None:
    """Random steering; None for every third seed."""
    dice = torch.Generator().manual_seed(seed)
    size = (model.config.layer_count, 2, model.config.hidden_size)
    return torch.randn(size, generator=dice) * 0.3 if seed % 3 else None


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
def test_tokens_are_the_plain_steps(model: LoadedModel, capture: GraphRecorder, slot_count: int, moment: str) -> None:
    """1, 3 and 8 slots, steered and not, greedy and sampled, prompts of 1 to 200 words, joining and leaving at awkward moments."""
    static_batch = build_static_batch(model, capture)
    static_batch.capture_graphs()
    specs = build_specs(model, slot_count)
    options = [
        spec.options(temperature=float(index % 2), steering=build_steering(model, index), novelty=1.5 * (index % 3))
        for index, spec in enumerate(specs)
    ]
    sequences = [build_sequence(model, spec.prompt, **each) for spec, each in zip(specs, options, strict=True)]
    run(model, sequences, join_steps(model, moment, slot_count), static_batch=static_batch)
    for spec, each, sequence in zip(specs, options, sequences, strict=True):
        assert torch.equal(sequence.frames(0, spec.frame_count), codes_alone(model, spec.prompt, **each))


def test_tokens_stay_the_same_across_blocks_of_attention(tiny: LoadedModel, capture: GraphRecorder) -> None:
    """A long take passes the block's edge while short ones join and leave: none before it, then one, then two."""
    static_batch = build_static_batch(tiny, capture, places=3)
    frames, joins = (LENGTH_BLOCK + 30, 20, 12, 40), (0, LENGTH_BLOCK - 12, LENGTH_BLOCK - 3, LENGTH_BLOCK + 12)
    options: list[dict[str, Any]] = [
        {"frame_count": count, "temperature": 1.0, "seed": seed, "steering": build_steering(tiny, seed)}
        for seed, count in enumerate(frames)
    ]
    sequences = [build_sequence(tiny, PROMPTS[seed], **each) for seed, each in enumerate(options)]
    run(tiny, sequences, joins, static_batch=static_batch)
    for seed, (sequence, each) in enumerate(zip(sequences, options, strict=True)):
        assert torch.equal(sequence.frames(0, frames[seed]), codes_alone(tiny, PROMPTS[seed], **each))


def test_a_step_is_captured_once_for_each_shape_and_then_replayed(tiny: LoadedModel) -> None:
    taping = Taping()
    static_batch = build_static_batch(tiny, taping, places=4, positions=2 * LENGTH_BLOCK - 1)
    static_batch.capture_graphs()
    assert taping.tape_count == 3 * 2  # 1, 2 and 4 places; one block and two
    sequences = [build_sequence(tiny, prompt, frame_count=30) for prompt in PROMPTS]
    run(tiny, sequences, [0, 3, 9, 9], static_batch=static_batch)
    assert taping.tape_count == 6
    assert taping.play_count == 30 + 3 + 9


def test_a_window_moves_in_the_static_batch_too(tiny: LoadedModel, capture: GraphRecorder) -> None:
    options: dict[str, Any] = {"frame_count": 150, "temperature": 1.0, "window_steps": 60, "context_frames": 30}
    sequence, other = build_sequence(tiny, PROMPTS[0], **options), build_sequence(tiny, PROMPTS[1], frame_count=90)
    run(tiny, [sequence, other], [0, 17], static_batch=build_static_batch(tiny, capture, places=2, positions=60))
    assert torch.equal(sequence.frames(0, 150), codes_alone(tiny, PROMPTS[0], **options))


def test_changes_in_mid_take_act_from_the_same_step_on(model: LoadedModel, capture: GraphRecorder) -> None:
    """Other steering, another prompt (a long one, for which the buffers must grow), guidance and temperature."""

    def played(static_batch: StaticBatch | None) -> Tensor:
        sequences = [build_sequence(model, prompt, frame_count=40, temperature=1.0) for prompt in PROMPTS[:2]]
        changed = sequences[0]
        with torch.inference_mode():
            for step in range(40 + model.config.delay_max):
                if step == 8:
                    changed.slot.steering = build_steering(model, 1)
                if step == 14:
                    words = "deep bass " * TEXT_BLOCK
                    changed.set_conditioning(model.decoder.condition([(model.encode_text([words])[0], 1.0)]))
                if step == 20:
                    changed.sampling = replace(changed.sampling, guidance_scale=1.5, temperature=0.7, top_k=0)
                if step == 26:
                    changed.slot.steering = None
                if step == 30:
                    changed.reset()
                while changed.needs_prefill:
                    changed.prefill(16)
                if static_batch is not None:
                    static_batch.assign([sequence.slot for sequence in sequences])
                advance(model.decoder, sequences, static_batch)
        return torch.stack([sequence.frames(0, 40) for sequence in sequences])

    assert torch.equal(played(build_static_batch(model, capture, places=2)), played(None))


def test_rewound_steps_are_repeated_in_the_static_batch_too(model: LoadedModel, capture: GraphRecorder) -> None:
    """In text, stereo and melody models, beside another take, with other steering from there on."""

    def played(static_batch: StaticBatch | None) -> list[Tensor]:
        live = build_sequence(model, PROMPTS[0], frame_count=None, temperature=1.0)
        other = build_sequence(model, PROMPTS[1], frame_count=None, temperature=1.0, seed=2)
        if static_batch is not None:
            static_batch.assign([live.slot, other.slot])
        with torch.inference_mode():
            for step in range(60):
                advance(model.decoder, [live, other], static_batch)
                if step % 7 == 6:
                    live.slot.steering = build_steering(model, step)
                    assert live.rewind() == model.config.delay_max or step == 6
        return [live.frames(0, live.frames_ready), other.frames(0, other.frames_ready)]

    for plain, fixed in zip(played(None), played(build_static_batch(model, capture, places=2)), strict=True):
        assert torch.equal(plain, fixed)


def test_a_resting_take_is_not_disturbed(tiny: LoadedModel, capture: GraphRecorder) -> None:
    static_batch = build_static_batch(tiny, capture, places=4)
    sequences = [build_sequence(tiny, prompt, frame_count=20, temperature=1.0) for prompt in PROMPTS]
    with torch.inference_mode():
        static_batch.assign([sequence.slot for sequence in sequences])
        for step in range(200):
            moving = [
                sequence
                for index, sequence in enumerate(sequences)
                if step % (index + 2) == 0 and not sequence.is_finished
            ]
            if moving:
                advance(tiny.decoder, moving, static_batch)
    for sequence, prompt in zip(sequences, PROMPTS, strict=True):
        assert torch.equal(sequence.frames(0, 20), codes_alone(tiny, prompt, frame_count=20, temperature=1.0))


def test_slots_without_a_place_and_adaptive_ones_step_outside(tiny: LoadedModel, capture: GraphRecorder) -> None:
    def sequences() -> list[TokenSequence]:
        sequences = [build_sequence(tiny, prompt, frame_count=16, temperature=1.0) for prompt in PROMPTS]
        steering = build_steering(tiny, 1)
        assert steering is not None
        sequences[1].slot.steering = steering
        sequences[1].slot.adaptive = AdaptiveSteering(steering, torch.zeros(tiny.config.layer_count), is_clamp=False)
        return sequences

    fixed, plain = sequences(), sequences()
    static_batch = build_static_batch(tiny, capture, places=3)
    run(tiny, fixed, static_batch=static_batch)
    with torch.inference_mode():
        while not plain[0].is_finished:
            advance(tiny.decoder, plain)
    assert all(torch.equal(one.frames(0, 16), other.frames(0, 16)) for one, other in zip(fixed, plain, strict=True))


def test_a_slot_that_outgrows_its_place_goes_on_outside(tiny: LoadedModel, capture: GraphRecorder) -> None:
    """Several long texts in the prefix can need more positions than a place has: no other take may end for it."""
    long, short = (build_sequence(tiny, PROMPTS[0], frame_count=frames, temperature=1.0) for frames in (280, 40))
    run(tiny, [long, short], static_batch=build_static_batch(tiny, capture, places=2, positions=100))
    assert torch.equal(long.frames(0, 280), codes_alone(tiny, PROMPTS[0], frame_count=280, temperature=1.0))
    assert torch.equal(short.frames(0, 40), codes_alone(tiny, PROMPTS[0], frame_count=40, temperature=1.0))


def test_a_place_whose_last_slot_left_nan_is_cleared(tiny: LoadedModel, capture: GraphRecorder) -> None:
    static_batch = build_static_batch(tiny, capture, places=1)
    first = build_sequence(tiny, PROMPTS[0], frame_count=30)
    run(tiny, [first], static_batch=static_batch)
    for cache in first.slot.caches:
        cache.fill_(float("nan"))
    second = build_sequence(tiny, PROMPTS[1], frame_count=30)
    run(tiny, [second], static_batch=static_batch)
    assert torch.equal(second.frames(0, 30), codes_alone(tiny, PROMPTS[1], frame_count=30))


def test_zero_steering_is_bitwise_no_steering_in_the_static_batch(tiny: LoadedModel, capture: GraphRecorder) -> None:
    zero = torch.zeros(tiny.config.layer_count, 2, tiny.config.hidden_size)
    steered, plain_one = (
        build_sequence(tiny, PROMPTS[0], frame_count=24, temperature=1.0, steering=each) for each in (zero, None)
    )
    run(tiny, [steered], static_batch=build_static_batch(tiny, capture))
    run(tiny, [plain_one], static_batch=build_static_batch(tiny, capture))
    assert torch.equal(steered.frames(0, 24), plain_one.frames(0, 24))


@pytest.mark.parametrize("top_k", [0, 1, 7, 50])
@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 1.7])
def test_choose_fixed_equals_choose(top_k: int, temperature: float) -> None:
    logits = torch.randn(5, 2, 4, 64, generator=torch.Generator().manual_seed(1)) * 3
    samplings = [Sampling(guidance_scale=3.0, temperature=temperature, top_k=top_k, seed=seed) for seed in range(5)]
    for step in range(50):
        fixed = BatchedSampling(
            guidance_scales=torch.full((5,), 3.0),
            temperatures=torch.full((5,), temperature, dtype=torch.float64),
            kept_counts=torch.full((5,), samplings[0].kept_count(64)),
            noise=torch.stack([counter_noise(seed, step, 4) for seed in range(5)]),
        )
        assert torch.equal(sample_tokens_fixed_shape(logits, fixed), sample_tokens(logits, samplings, [step] * 5))


def test_the_tape_freezes_what_a_graph_freezes() -> None:
    """Else the taped tests above show nothing: a replay reads buffers anew, but not Python's numbers and shapes."""
    source, target, number = torch.ones(3), torch.zeros(3), [2.0]

    def work() -> None:
        target.copy_((source.cumsum(0) * number[0])[: int(number[0])].sum().expand(3))

    play = Taping()(work)
    source.fill_(10.0)
    number[0] = 3.0
    play()
    assert target.tolist() == [60.0] * 3  # (10 + 20) * 2, not (10 + 20 + 30) * 3
    with pytest.raises(AssertionError, match="the host waits"):
        Taping()(lambda: target.fill_(source.sum().item()))
