"""Fleet simulation: service below capacity, refusal above, repeatable seeds."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.simulation import StepLaw, simulate

LAW = StepLaw(base_s=0.004, slot_s=0.001, spread=0.05)  # 12 ms for 8 rows: 13.3 listeners of a replica in real time
CAPACITY_HZ = 2 * 8 / (0.012 * 503)


def run(share: float, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"replicas": 2, "slots": 8, "places": 4, "listeners": 120, "take_s": 10.0, "seed": 3}
    return simulate(LAW, rate_hz=share * CAPACITY_HZ, **{**options, **changes})


def test_below_capacity_everybody_hears_everything() -> None:
    figures = run(0.6)
    assert figures["whole"] == 120
    assert figures["refused"] == figures["underruns_one_chunk_prebuffer"] == 0
    assert figures["first_sound_s"]["p95"] < 2


def test_above_capacity_the_surplus_is_refused_and_nobody_else_suffers() -> None:
    figures = run(2.0)
    assert figures["refused"] > 20
    assert figures["whole"] + figures["refused"] == 120
    assert figures["most_at_once"] <= 16
    assert figures["underruns_one_chunk_prebuffer"] == 0


def test_a_model_that_is_too_slow_underruns_and_the_figures_say_so() -> None:
    slow = StepLaw(base_s=0.03, slot_s=0.0, spread=0.0)  # 30 ms for 20 ms of sound
    figures = simulate(slow, replicas=1, slots=8, places=4, rate_hz=0.01, listeners=5, take_s=10.0, seed=1)
    assert figures["underruns_one_chunk_prebuffer"] == 5
    assert figures["worst_deficit_prebuffered_s"] == pytest.approx(4.2, abs=0.3)


def test_a_seed_repeats_a_run() -> None:
    assert run(1.0) == run(1.0)
    assert run(1.0) != run(1.0, seed=4)
