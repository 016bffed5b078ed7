"""Benchmark tables: unmeasurable arms are named with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmarks import graphs
from benchmarks.report import GOALS, write_table


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_gpu_every_figure_of_the_graphs_is_named_with_the_reason(tmp_path: Path) -> None:
    result = graphs.measure(tmp_path, rounds=1, frames=1)
    assert result["ratios"] == {}
    machine = {"machine": {"processor": "-", "cores": 1}, "versions": {"torch": "-"}, "date": "-", "commit": "-"}
    table = write_table({**machine, "ratios": {}, "absent": result["absent"]}, tmp_path / "table.md")
    for shape in graphs.SHAPES:
        for name in graphs.figure_names(shape):
            line = next(line for line in table.splitlines() if name in line)
            assert graphs.NO_DEVICE in line
    assert {name for name in GOALS if name.startswith("cuda_")} <= set(result["absent"])
