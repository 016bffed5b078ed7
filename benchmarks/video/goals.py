"""Figures beside their goals, and the report that holds them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path("benchmarks/results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured figure: `asked` and `text` for people, `value` for programs."""

    name: str
    asked: str
    value: float
    text: str
    reached: bool

    @classmethod
    def at_least(cls, name: str, value: float, goal: float) -> Figure:
        return cls(name=name, asked=f">= {goal:g}", value=value, text=f"{value:.3g}", reached=value >= goal)

    @classmethod
    def at_most(cls, name: str, value: float, goal: float) -> Figure:
        return cls(name=name, asked=f"<= {goal:g}", value=value, text=f"{value:.3g}", reached=value <= goal)

    @classmethod
    def all_of(cls, name: str, right: int, count: int) -> Figure:
        return cls(
            name=name, asked=f"{count} of {count}", value=right, text=f"{right} of {count}", reached=right == count
        )


def machine() -> dict[str, str]:
    """Machine, commit and date of a run."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores",
        "load_average": load,
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def write_report(parts: dict[str, Sequence[Figure]], about: dict[str, str], folder: Path = RESULTS) -> None:
    """Writes `video.json` and `video.md`. Parts that were not measured in this run keep their figures and their origin."""
    path = folder / "video.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, figures in parts.items():
        known[name] = {"about": about, "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    lines = [
        "# Music videos: figures",
        "",
        "Measured by `python -m benchmarks.video`. The goals are those of the design.",
        "",
    ]
    for name in sorted(known):
        origin = known[name]["about"]
        lines += [
            f"## {name}",
            "",
            f"{origin['machine']}, load average {origin['load_average']} at the start, commit {origin['commit']}, {origin['date']}.",
            "",
            "| figure | asked | measured | reached |",
            "|---|---|---|---|",
            *(
                f"| {figure['name']} | {figure['asked']} | {figure['text']} | {'yes' if figure['reached'] else '**no**'} |"
                for figure in known[name]["figures"]
            ),
            "",
        ]
    (folder / "video.md").write_text("\n".join(lines))
