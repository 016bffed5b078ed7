"""Threads of a step: short runs in turns, a time limit, one thread unless more win."""

from __future__ import annotations

import time

import pytest
import torch

from resonance_model.loaded_model import LoadedModel
from resonance_model.threads import choose, choose_threads, list_candidates, measure, usable_cores


def test_every_number_of_a_few_cores_is_tried_and_fewer_of_many() -> None:
    assert list_candidates(2) == [1, 2]
    assert list_candidates(8) == list(range(1, 9))
    assert list_candidates(96) == [1, 2, 3, 4, 6, 8, 16, 32, 64, 96]


def test_the_runs_take_turns_and_the_median_counts() -> None:
    order: list[int] = []

    def run(count: int) -> float:
        order.append(count)
        return 9.0 if len(order) == 5 else 1.0 / count  # one run meets other load

    assert measure(run, [1, 2, 3], limit_s=60) == {1: 1.0, 2: 0.5, 3: pytest.approx(1 / 3)}
    assert order[:6] == [1, 2, 3, 1, 2, 3]


def test_measuring_ends_at_its_limit_and_leaves_out_what_was_hardly_tried() -> None:
    def run(count: int) -> float:
        time.sleep(0.02 * count)
        return 0.02 * count

    started_s = time.monotonic()
    assert list(measure(run, [1, 2], limit_s=0.1)) == [1]
    assert time.monotonic() - started_s < 5


def test_one_thread_stays_unless_another_number_is_clearly_faster() -> None:
    assert choose({1: 0.030, 2: 0.028}) == 1
    assert choose({1: 0.030, 2: 0.210}) == 1, "two threads beside other load"
    assert choose({1: 0.030, 2: 0.020}) == 2
    assert choose({1: 0.030, 2: 0.0200, 3: 0.0198}) == 2, "a third that gains nothing is left to others"


def test_auto_sets_a_number_that_the_machine_has(tiny: LoadedModel) -> None:
    before = torch.get_num_threads()
    try:
        chosen = choose_threads(tiny, "auto", limit_s=0.3)
        assert torch.get_num_threads() == chosen
        assert 1 <= chosen <= usable_cores()
        assert choose_threads(tiny, 1) == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
