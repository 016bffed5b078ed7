"""Timing on noisy machines: interleaved arms, warm-up, medians, spread.

It also records the machine.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

Arm = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of each round of one arm."""

    samples_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The median."""
        return statistics.median(self.samples_s)

    def as_json(self) -> dict[str, Any]:
        """Timing as an entry of the results."""
        ordered = sorted(self.samples_s)
        return {"median_s": self.median_s, "min_s": ordered[0], "max_s": ordered[-1], "samples_s": list(self.samples_s)}


def interleaved(arms: Mapping[str, Arm], *, rounds: int, warmups: int = 1) -> dict[str, Timing]:
    """Runs A B C A B C ...; each arm `rounds` times after `warmups` that do not count."""
    samples: dict[str, list[float]] = {name: [] for name in arms}
    for index in range(warmups + rounds):
        for name, arm in arms.items():
            started_s = time.perf_counter()
            arm()
            if index >= warmups:
                samples[name].append(time.perf_counter() - started_s)
    return {name: Timing(samples_s=tuple(times)) for name, times in samples.items()}


def ratio(over: Timing, under: Timing) -> float:
    """Median of the ratios round by round: a slow moment of the machine slows both arms."""
    return statistics.median(a / b for a, b in zip(over.samples_s, under.samples_s, strict=True))


def setting() -> dict[str, Any]:
    """Machine, versions, commit and date."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit + ("+changes" if dirty else ""),
        "machine": {"processor": _processor(), "cores": torch.get_num_threads(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
