"""Token sequences: windows, given tokens, rewinds, delay pattern."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.takes import PROMPTS, build_sequence, codes_alone, record_read_sizes, run

from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.delays import count_steps, delayed_inputs
from resonance_model.loaded_model import LoadedModel


def test_each_codebook_is_read_one_step_and_its_delay_later() -> None:
    codes = torch.arange(4 * 7).view(4, 7)
    steps = count_steps(7, 4)
    inputs = delayed_inputs(codes, start_token=-1, step_count=steps + 1)
    read = torch.stack([row[1 + delay : 8 + delay] for delay, row in enumerate(inputs)])
    assert torch.equal(read, codes)
    assert inputs[:, 0].tolist() == [-1] * 4
    assert inputs[3, :4].tolist() == [-1] * 4
    assert inputs[0, -1].item() == -1


def test_a_long_take_goes_on_past_its_window(tiny: LoadedModel) -> None:
    codes = codes_alone(tiny, PROMPTS[0], frame_count=100, temperature=1.0, window_steps=40, context_frames=20)
    start = codes_alone(tiny, PROMPTS[0], frame_count=100, temperature=1.0, window_steps=400, context_frames=20)
    assert codes.shape == (tiny.config.codebook_count, 100)
    assert torch.equal(codes[:, :36], start[:, :36])
    assert int(codes.max()) < tiny.config.vocabulary_size


@pytest.mark.parametrize("anchor", [0, 6])
def test_after_a_window_moves_the_next_step_sees_the_kept_frames(tiny: LoadedModel, anchor: int) -> None:
    """The moved window must hold exactly what a fresh reading of its context holds, whose first frames are the take's own."""
    sequence = build_sequence(
        tiny, PROMPTS[0], frame_count=60, window_steps=40, context_frames=20, temperature=1.0, anchor_frames=anchor
    )
    with torch.inference_mode():
        while sequence.slot.length < 40:
            advance(tiny.decoder, [sequence])
        first = sequence.frames_ready - 20
        sequence.prepare_step()
        moved = tiny.decoder.advance([sequence.slot], sequence.inputs()[None])[0]
        fresh = build_sequence(tiny, PROMPTS[0], frame_count=60)
        inputs = [sequence.inputs() if step == sequence.step else None for step in range(first, sequence.step + 1)]
        assert inputs[-1] is not None
        columns = []
        for step in range(sequence.step - first + 1):
            column = torch.full((4,), tiny.config.start_token)
            for book in range(4):
                frame = step - 1 - book
                if frame >= 0:
                    kept = frame if frame < anchor else first + frame
                    column[book] = int(sequence.tokens[book, kept + book])
            columns.append(column)
        expected = tiny.decoder.read(fresh.slot, torch.stack(columns, dim=1), with_logits=True)
    assert expected is not None
    torch.testing.assert_close(moved, expected[:, -1], atol=1e-4, rtol=1e-4)


def test_frames_ready_lag_the_steps_by_the_delay(tiny: LoadedModel) -> None:
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=6)
    ready = []
    with torch.inference_mode():
        while not sequence.is_finished:
            advance(tiny.decoder, [sequence])
            ready.append(sequence.frames_ready)
    assert ready == [0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_a_reset_starts_from_silence_and_keeps_ready_frames(tiny: LoadedModel) -> None:
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=30)
    run_steps(tiny, sequence, 12)
    before = sequence.frames(0, 9)
    sequence.reset()
    assert sequence.inputs().tolist() == [tiny.config.start_token] * 4
    run(tiny, [sequence])
    assert torch.equal(sequence.frames(0, 9), before)


def run_steps(model: LoadedModel, sequence: object, count: int) -> None:
    """Steps one sequence `count` times."""
    from resonance_model.decoder.batch_step import advance
    from resonance_model.decoder.sequence import TokenSequence

    assert isinstance(sequence, TokenSequence)
    with torch.inference_mode():
        for _ in range(count):
            advance(model.decoder, [sequence])


@pytest.mark.parametrize("prefix", [1, 2, 3, 4, 17, 45, 59])
@pytest.mark.parametrize("window_steps", [1504, 40])
@pytest.mark.parametrize("novelty", [0.0, 2.0])
def test_a_sequence_started_from_its_own_tokens_goes_on_as_if_never_cut(
    tiny: LoadedModel, prefix: int, window_steps: int, novelty: float
) -> None:
    options: dict[str, Any] = {
        "frame_count": 60,
        "temperature": 1.0,
        "novelty": novelty,
        "window_steps": window_steps,
        "context_frames": 20,
    }
    whole = codes_alone(tiny, PROMPTS[0], **options)
    given = np.full((4, 60), -1)
    given[:, :prefix] = whole[:, :prefix]
    sequence = build_sequence(tiny, PROMPTS[0], **options)
    sequence.start_from_tokens(given)
    assert sequence.step == prefix
    prefill_all(sequence, slice_steps=7)
    run(tiny, [sequence])
    assert torch.equal(sequence.frames(0, 60), whole)


def test_a_section_made_anew_leaves_the_rest_as_it_was(tiny: LoadedModel) -> None:
    whole = codes_alone(tiny, PROMPTS[0], frame_count=50, temperature=1.0)
    given = whole.numpy().copy()
    given[:, 20:30] = -1
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=50, temperature=1.0, seed=99)
    sequence.start_from_tokens(given)
    prefill_all(sequence, slice_steps=64)
    steps = 0
    with torch.inference_mode():
        while not sequence.is_finished:
            advance(tiny.decoder, [sequence])
            steps += 1
    codes = sequence.frames(0, 50)
    assert torch.equal(codes[:, :20], whole[:, :20])
    assert torch.equal(codes[:, 30:], whole[:, 30:])
    assert not torch.equal(codes[:, 20:30], whole[:, 20:30])
    assert steps == 10 + 3, "what was given is not computed again"


def test_tokens_that_are_all_given_cost_no_step(tiny: LoadedModel) -> None:
    whole = codes_alone(tiny, PROMPTS[0], frame_count=12)
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=12)
    sequence.start_from_tokens(whole.numpy())
    assert sequence.is_finished
    assert torch.equal(sequence.frames(0, 12), whole)


def prefill_all(sequence: TokenSequence, slice_steps: int) -> None:
    with torch.inference_mode():
        while sequence.needs_prefill:
            sequence.prefill(slice_steps)


@pytest.fixture
def read_sizes(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Position counts of the decoder's readings, in order."""
    return record_read_sizes(tiny, monkeypatch)


def steps_read(model: LoadedModel, sequence: TokenSequence, sizes: list[int]) -> list[int]:
    """Runs a sequence to its end; returns the positions read in each step and in each slice before it."""
    read_by_step = []
    with torch.inference_mode():
        while not sequence.is_finished:
            sizes.clear()
            if sequence.needs_prefill:
                sequence.prefill(64)
            else:
                advance(model.decoder, [sequence])
            read_by_step.append(sum(sizes))
    return read_by_step


def test_a_window_moves_without_a_step_that_reads_it_all(tiny: LoadedModel, read_sizes: list[int]) -> None:
    """A step that reads hundreds of positions is a gap in every performance."""
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=900, window_steps=400, context_frames=200)
    read_by_step = steps_read(tiny, sequence, read_sizes)
    moves = 1 + (903 - 400) // (400 - 203)
    assert sum(read_by_step) == moves * 203, "and nothing is read for a window that the take does not reach"
    assert max(read_by_step) <= 2 * 16
    assert max(sum(read_by_step[step : step + 10]) for step in range(900)) <= 3 * 16, "and slices are spread"


@pytest.mark.parametrize("prefix", [380, 399, 400, 401, 590])
def test_a_take_that_resumes_just_before_its_window_moves_reads_it_in_slices_too(
    tiny: LoadedModel, read_sizes: list[int], prefix: int
) -> None:
    """A take from a checkpoint, or a longer one: its next window was not read beforehand."""
    options: dict[str, Any] = {"frame_count": 640, "temperature": 1.0, "window_steps": 400, "context_frames": 200}
    whole = codes_alone(tiny, PROMPTS[0], **options)
    given = np.full((4, 640), -1)
    given[:, :prefix] = whole[:, :prefix]
    sequence = build_sequence(tiny, PROMPTS[0], **options)
    sequence.start_from_tokens(given)
    assert max(steps_read(tiny, sequence, read_sizes)) <= 64
    assert torch.equal(sequence.frames(0, 640), whole)


LOOPED: dict[str, Any] = {
    "frame_count": 700,
    "temperature": 1.0,
    "window_steps": 500,
    "context_frames": 347,
    "context_slack": 100,
    "anchor_frames": 60,
}


def looped(frames: int, period: int) -> NDArray[np.int64]:
    """Given tokens of a loop up to a frame, -1 behind it."""
    loop = np.random.default_rng(3).integers(0, 20, (4, period))
    given = np.tile(loop, (1, 700 // period + 1))[:, :700]
    given[:, frames:] = -1
    return given


@pytest.mark.parametrize("period", [37, 61])
def test_a_window_of_looped_music_moves_by_whole_loops(tiny: LoadedModel, period: int) -> None:
    """Beats keep their positions, by which the model counts them."""
    sequence = build_sequence(tiny, PROMPTS[0], **LOOPED)
    sequence.start_from_tokens(looped(480, period))
    prefill_all(sequence, slice_steps=64)
    kept, before = 0, sequence.slot.music_length
    while not kept:
        run_steps(tiny, sequence, 1)
        kept = sequence.slot.music_length - 1 if sequence.slot.music_length <= before else 0
        before = sequence.slot.music_length
    assert (500 - kept) % period == 0
    assert 350 <= kept <= 450
    fresh = build_sequence(tiny, PROMPTS[0], **LOOPED)
    with torch.inference_mode():
        tiny.decoder.read(fresh.slot, sequence.inputs_since(sequence.step - kept - 1)[:, :kept])
    held, expected = sequence.slot.caches[0], fresh.slot.caches[0]
    torch.testing.assert_close(held[:, :, :, :kept], expected[:, :, :, :kept])


@pytest.mark.parametrize("prefix", [340, 357, 499, 500, 640])
def test_a_take_that_resumes_moves_its_window_as_if_never_cut(tiny: LoadedModel, prefix: int) -> None:
    whole = build_sequence(tiny, PROMPTS[0], **LOOPED)
    whole.start_from_tokens(looped(330, 37))
    prefill_all(whole, slice_steps=64)
    run(tiny, [whole])
    given = np.full((4, 700), -1)
    given[:, :prefix] = whole.frames(0, prefix).numpy()
    sequence = build_sequence(tiny, PROMPTS[0], **LOOPED)
    sequence.start_from_tokens(given)
    prefill_all(sequence, slice_steps=64)
    run(tiny, [sequence])
    assert torch.equal(sequence.frames(0, 700), whole.frames(0, 700))


def test_a_performance_keeps_the_tokens_of_frames_that_can_still_be_read(tiny: LoadedModel) -> None:
    """And no others: a performance may last for six hours."""
    options: dict[str, Any] = {"temperature": 1.0, "window_steps": 40, "context_frames": 20}
    take = build_sequence(tiny, PROMPTS[0], frame_count=2300, **options)
    live = build_sequence(tiny, PROMPTS[0], frame_count=None, **options)
    held, read = [], 0
    with torch.inference_mode():
        while not take.is_finished:
            advance(tiny.decoder, [take, live])
            held.append(live.token_capacity)
            if read + 125 <= live.frames_ready <= 2290:  # the longest chunk
                assert torch.equal(live.frames(read, read + 125), take.frames(read, read + 125))
                read += 125
    assert read > 2000
    assert held[-1] == held[1100]


def test_a_reset_while_the_next_window_is_read_clears_it(tiny: LoadedModel) -> None:
    options: dict[str, Any] = {"frame_count": 120, "temperature": 1.0, "window_steps": 40, "context_frames": 20}
    sequence = build_sequence(tiny, PROMPTS[0], **options)
    run_steps(tiny, sequence, 35)
    sequence.reset()
    run_steps(tiny, sequence, 41)
    assert sequence.slot.music_length == 20 + 3 + 1, "the window moved once, 40 steps after the reset"
    kept = sequence.slot.caches[0][:, :, :, :23].clone()
    fresh = build_sequence(tiny, PROMPTS[0], **options)
    with torch.inference_mode():
        tiny.decoder.read(fresh.slot, sequence.inputs_since(sequence.step - 24)[:, :23])
    torch.testing.assert_close(kept, fresh.slot.caches[0][:, :, :, :23])


def test_a_take_with_novelty_says_less_twice_and_the_same_with_every_seed(tiny: LoadedModel) -> None:
    """Greedy takes of the tiny model stand on few tokens; the penalty makes the first codebook move, and moves no other by itself."""
    plain, novel = (codes_alone(tiny, PROMPTS[0], frame_count=120, novelty=weight) for weight in (0.0, 4.0))
    assert len(set(novel[0].tolist())) > len(set(plain[0].tolist()))
    assert torch.equal(novel[:, :8], plain[:, :8]), "nothing was said yet"
    assert torch.equal(novel, codes_alone(tiny, PROMPTS[0], frame_count=120, novelty=4.0, seed=7))


@pytest.mark.parametrize("every", [1, 2, 5, 17])
@pytest.mark.parametrize("novelty", [0.0, 2.0])
def test_rewound_steps_choose_the_same_tokens_again(tiny: LoadedModel, every: int, novelty: float) -> None:
    """Under an unchanged recipe ready frames stay, and the others are sampled with the same noise."""
    options: dict[str, Any] = {"temperature": 1.0, "novelty": novelty}
    plain = build_sequence(tiny, PROMPTS[0], frame_count=None, **options)
    run_steps(tiny, plain, 103)
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=None, **options)
    costs = []
    while sequence.frames_ready < 100:
        run_steps(tiny, sequence, 1)
        if len(costs) < 100 and sequence.step % every == 0 and sequence.frames_ready > (costs[-1][0] if costs else 0):
            ready = sequence.frames_ready
            costs.append((ready, sequence.rewind()))
            assert sequence.step == sequence.frames_ready == ready or not costs[-1][1]
            run_steps(tiny, sequence, 1)
            sequence.rewind()  # and once more, in the middle of the repeated steps
            assert sequence.frames_ready == ready or not costs[-1][1]
    assert {cost for _, cost in costs[-3:]} == {3}
    assert torch.equal(sequence.frames(0, 100), plain.frames(0, 100))


def test_rewinding_near_a_windows_move_leaves_the_caches_of_a_fresh_reading(tiny: LoadedModel) -> None:
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=None, temperature=1.0, window_steps=40, context_frames=20)
    for turn in range(60):
        run_steps(tiny, sequence, 3 + turn % 5)
        sequence.rewind()
        run_steps(tiny, sequence, turn % 3)
        fresh = build_sequence(tiny, PROMPTS[0], frame_count=None)
        count = sequence.slot.music_length
        with torch.inference_mode():
            tiny.decoder.read(fresh.slot, sequence.inputs_since(sequence.step - count))
        held, expected = sequence.slot.caches[0], fresh.slot.caches[0]
        torch.testing.assert_close(held[:, :, :, :count], expected[:, :, :, :count])


def test_rewound_steps_follow_the_present_sampling(tiny: LoadedModel) -> None:
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=None, temperature=1.0)
    run_steps(tiny, sequence, 40)
    old, ready = sequence.tokens[:, 37:40].copy(), sequence.frames_ready
    sequence.sampling = replace(sequence.sampling, seed=5, temperature=50.0)
    assert sequence.rewind() == 3
    before = sequence.frames(0, ready)
    run_steps(tiny, sequence, 3)
    assert torch.equal(sequence.frames(0, ready), before)
    assert np.array_equal(
        sequence.tokens[3], np.concatenate([sequence.tokens[3, :37], old[3], sequence.tokens[3, 40:]])
    )
    assert not np.array_equal(sequence.tokens[:, 37:40], old)


@pytest.mark.parametrize("at", [12, 28, 31])
def test_a_take_of_known_length_is_the_same_after_a_rewind(tiny: LoadedModel, at: int) -> None:
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=30, temperature=1.0)
    run_steps(tiny, sequence, at)
    assert sequence.rewind() == 3
    while not sequence.is_finished:
        run_steps(tiny, sequence, 1)
    assert torch.equal(sequence.frames(0, 30), codes_alone(tiny, PROMPTS[0], frame_count=30, temperature=1.0))


def test_caches_are_allocated_once_and_swapped_when_the_window_moves(tiny: LoadedModel) -> None:
    """Copying whole caches, as they grow or as the window moves, is a gap in a large model's performance."""
    sequence = build_sequence(tiny, PROMPTS[0], frame_count=None, window_steps=560, context_frames=30)
    addresses, capacities = set(), set()
    with torch.inference_mode():
        for _ in range(1100):
            advance(tiny.decoder, [sequence])
            addresses.add(sequence.slot.caches[0].data_ptr())
            capacities.add(sequence.slot.capacity)
    assert len(capacities) == 1
    assert len(addresses) == 2
