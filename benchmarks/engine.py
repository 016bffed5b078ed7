"""Engine benchmark against peers and the floor.

The peers are those that can run here. It writes benchmarks/results/engine.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks import codec, extraction, graphs, listeners, melody, precision, serving, simulation, steps
from benchmarks.arms import setting
from benchmarks.models import embedded, small_shape
from benchmarks.report import write_picture, write_table

RESULTS = Path(__file__).parent / "results"
# Peers that cannot run here, with the reason.
ABSENT = {
    "fast-musicgen": "needs CUDA graphs; there is no GPU here",
    "audiocraft": "runs in an environment of its own (`make audiocraft`); its tokens are compared, its speed is not",
}


def main() -> None:
    """Runs every part and writes results, table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/resonance-bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--listening-s", type=float, default=600.0)
    parser.add_argument("--takes", type=int, default=64)
    parser.add_argument("--listeners", type=int, default=2000)
    parser.add_argument(
        "--only", default="", help="the name of one part, which is measured again and merged into the stored results"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder
    # Models are loaded when a part first needs them: `--only` saves the time and memory of the others.
    tiny, small = cache(lambda: embedded(folder)), cache(lambda: small_shape(folder))
    tiny_int8 = cache(lambda: embedded(folder, "int8"))
    small_int8 = cache(lambda: small_shape(folder, "int8", keep_library=False))
    parts: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        (
            "steps at the embedded shape",
            lambda: steps.measure(tiny(), tiny_int8(), "embedded", rounds=arguments.rounds, frames=100),
        ),
        (
            "steps at musicgen-small's shape",
            lambda: steps.measure(small(), small_int8(), "small", rounds=arguments.rounds, frames=5),
        ),
        ("codec at the embedded shape", lambda: codec.measure(tiny(), "embedded", rounds=arguments.rounds)),
        (
            "codec at musicgen-small's shape",
            lambda: codec.measure(small(), "small", rounds=max(3, arguments.rounds // 2)),
        ),
        ("extraction", lambda: extraction.measure(tiny(), rounds=arguments.rounds)),
        ("serving", lambda: serving.measure(tiny(), rounds=arguments.rounds)),
        (
            "the embedded model in int8",
            lambda: serving.measure_factor(tiny_int8(), "embedded_int8", rounds=arguments.rounds, duration_s=10.0),
        ),
        (
            "musicgen-small's shape in int8",
            lambda: serving.measure_factor(small_int8(), "small_int8", rounds=3, duration_s=3.0),
        ),
        (
            "what int8 costs in quality",
            lambda: precision.measure(tiny(), tiny_int8(), batches=arguments.takes // precision.PER_BATCH),
        ),
        (
            "tunes at musicgen-small's shape",
            lambda: melody.measure(folder, small(), rounds=max(5, arguments.rounds // 2), frames=12),
        ),
        ("CUDA graphs", lambda: graphs.measure(folder, rounds=arguments.rounds, frames=100)),
        ("a simulated fleet", lambda: simulation.measure(tiny(), listeners=arguments.listeners)),
        ("listeners", lambda: listeners.measure(tiny(), duration_s=arguments.listening_s)),
    ]
    names = [name for name, _ in parts]
    if arguments.only and arguments.only not in names:
        parser.error(f"--only is one of: {', '.join(names)}")
    stored = arguments.out / "engine.json"
    found: dict[str, Any] = {**setting(), "ratios": {}, "absent": ABSENT, "arms": {}}
    if arguments.only:
        found = json.loads(stored.read_text())
    for name, part in parts:
        if arguments.only not in ("", name):
            continue
        print(f"measuring {name}", flush=True)
        result = part()
        if arguments.only and result["arms"]:
            found.setdefault("measured_again", {})[name] = setting()
        found["ratios"] |= result["ratios"]
        found["arms"] |= result["arms"]
        found["absent"] |= result.get("absent", {})
    found["absent"] = {name: why for name, why in found["absent"].items() if name not in found["ratios"]}
    arguments.out.mkdir(parents=True, exist_ok=True)
    stored.write_text(json.dumps(found, indent=1) + "\n")
    print(write_table(found, arguments.out / "engine.md"))
    write_picture(found, arguments.out / "engine.png")


if __name__ == "__main__":
    main()
