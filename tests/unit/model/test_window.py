"""Windows of long takes: shifts by periods of the music, even reading ahead."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from resonance_model.decoder.window import WindowPlan, choose_context_sizes, find_period

CONTEXT_FRAMES, SLACK = choose_context_sizes(1504, 3)
PLAN = WindowPlan(size=1504, context=CONTEXT_FRAMES + 3, slack=SLACK, delay=3)


def song(period: int, frames: int, noise: float) -> NDArray[np.int64]:
    """Tokens of a loop, a share of them replaced by chance."""
    random = np.random.default_rng(period)
    loop = random.integers(0, 1024, (4, period))
    codes = np.tile(loop, (1, frames // period + 1))[:, :frames]
    return np.where(random.random(codes.shape) < noise, random.integers(0, 1024, codes.shape), codes)


@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("period", [64, 80, 96, 128, 160, 192, 256])
def test_the_window_moves_by_whole_loops(period: int, noise: float) -> None:
    kept = PLAN.choose_context(song(period, PLAN.settled_frames, noise))
    assert (PLAN.size - kept) % period == 0
    assert PLAN.context <= kept <= PLAN.context + PLAN.slack


def test_music_that_does_not_repeat_moves_by_whole_sixteenths_of_every_tempo() -> None:
    codes = np.random.default_rng(1).integers(0, 1024, (4, PLAN.settled_frames))
    assert PLAN.choose_context(codes) == PLAN.context
    assert [(PLAN.size - PLAN.context) % sixteenth for sixteenth in (4, 5, 6, 8, 10, 12)] == [0] * 6


def test_a_small_window_keeps_half_of_it() -> None:
    assert choose_context_sizes(100, 3) == (50, 20)


def test_too_few_frames_to_compare_keep_the_least_context() -> None:
    assert find_period(song(64, 800, 0.0), 464, 720) == 720


@pytest.mark.parametrize("context", [PLAN.context, PLAN.context + 100, PLAN.context + PLAN.slack])
@pytest.mark.parametrize("prefix", [0, 270])
def test_what_is_due_grows_evenly_and_never_beyond_what_is_known(context: int, prefix: int) -> None:
    due = [PLAN.due_positions(left, context, prefix) for left in range(PLAN.reading_steps, -1, -1)]
    assert due[0] == 0
    assert due[-1] == prefix + context
    assert all(0 <= later - earlier <= 48 for earlier, later in pairwise(due))
    known = [context - left for left in range(PLAN.reading_steps, -1, -1)]
    assert all(count - prefix <= frames for count, frames in zip(due, known, strict=True))
