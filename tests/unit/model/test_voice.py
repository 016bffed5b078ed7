"""Voices past the trained length, and their bookkeeping of the delay pattern."""

from __future__ import annotations

import torch
from support.takes import PROMPTS, codes_alone, run, voice_of

from resonance_model.delays import delayed_inputs, step_count_of, undelayed
from resonance_model.loaded import LoadedModel
from resonance_model.voice import advance


def test_delaying_and_undelaying_is_the_identity() -> None:
    codes = torch.arange(4 * 7).view(4, 7)
    steps = step_count_of(7, 4)
    inputs = delayed_inputs(codes, start_token=-1, step_count=steps + 1)
    assert torch.equal(undelayed(inputs[:, 1:], frame_count=7), codes)
    assert inputs[:, 0].tolist() == [-1] * 4
    assert inputs[3, :4].tolist() == [-1] * 4
    assert inputs[0, -1].item() == -1


def test_a_long_take_goes_on_past_its_window(tiny: LoadedModel) -> None:
    codes = codes_alone(tiny, PROMPTS[0], frame_count=100, temperature=1.0, window_steps=40, context_frames=20)
    start = codes_alone(tiny, PROMPTS[0], frame_count=100, temperature=1.0, window_steps=400, context_frames=20)
    assert codes.shape == (tiny.shape.codebook_count, 100)
    assert torch.equal(codes[:, :36], start[:, :36])
    assert int(codes.max()) < tiny.shape.vocabulary_size


def test_after_a_window_moves_the_next_step_sees_the_kept_frames(tiny: LoadedModel) -> None:
    """The moved window must hold exactly what a fresh reading of the kept frames holds."""
    voice = voice_of(tiny, PROMPTS[0], frame_count=60, window_steps=40, context_frames=20)
    with torch.inference_mode():
        while voice.slot.length < 40:
            advance(tiny.decoder, [voice])
        first = voice.frames_ready - 20
        voice.make_room()
        moved = tiny.decoder.advance([voice.slot], voice.inputs()[None])[0]
        fresh = voice_of(tiny, PROMPTS[0], frame_count=60)
        said = [voice.inputs() if step == voice.step else None for step in range(first, voice.step + 1)]
        assert said[-1] is not None
        columns = []
        for step in range(voice.step - first + 1):
            column = torch.full((4,), tiny.shape.start_token)
            for book in range(4):
                frame = step - 1 - book
                if frame >= 0:
                    column[book] = int(voice._said[book, first + frame + book])
            columns.append(column)
        expected = tiny.decoder.read(fresh.slot, torch.stack(columns, dim=1), with_logits=True)
    assert expected is not None
    torch.testing.assert_close(moved, expected[:, -1], atol=1e-4, rtol=1e-4)


def test_frames_ready_lag_the_steps_by_the_delay(tiny: LoadedModel) -> None:
    voice = voice_of(tiny, PROMPTS[0], frame_count=6)
    ready = []
    with torch.inference_mode():
        while not voice.is_finished:
            advance(tiny.decoder, [voice])
            ready.append(voice.frames_ready)
    assert ready == [0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_a_reset_starts_from_silence_and_keeps_what_was_said(tiny: LoadedModel) -> None:
    voice = voice_of(tiny, PROMPTS[0], frame_count=30)
    run_steps(tiny, voice, 12)
    before = voice.frames(0, 9)
    voice.reset()
    assert voice.inputs().tolist() == [tiny.shape.start_token] * 4
    run(tiny, [voice])
    assert torch.equal(voice.frames(0, 9), before)


def run_steps(model: LoadedModel, voice: object, count: int) -> None:
    """So many steps of one voice."""
    from resonance_model.voice import Voice, advance

    assert isinstance(voice, Voice)
    with torch.inference_mode():
        for _ in range(count):
            advance(model.decoder, [voice])
