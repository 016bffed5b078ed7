"""`make bench-steering`: rendering, scoring, tables and plots; resumable.

Only missing clips are rendered.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.arms import setting
from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

from .analysis import Analysis
from .bench_directions import BenchDirections, open_bench_directions
from .grid import (
    Cell,
    held_cells,
    random_cells,
    slider_cells,
    stack_cells,
    taste_cells,
    unsteered_cells,
    variant_cells,
    worded_cells,
)
from .judges import teach
from .kinds import NAMES
from .latency import knob_to_ear
from .playlists import marks, render_playlists
from .renderer import WHOLE, Renderer, Share
from .report import write_report
from .sizes import SIZES, Size

RESULTS = Path(__file__).parents[1] / "results"
PARTS = ("sliders", "random", "said", "live", "tastes", "stacking", "variants", "held")
# What a person would say of each playlist; the arm that steers by words alone.
WORDS = {name: name for name in NAMES}


def main() -> None:
    """Runs the bench at a size, in order of importance, and reports on whatever there is."""
    arguments = _arguments()
    torch.set_num_threads(1)
    size, parts = SIZES[arguments.size], arguments.parts.split(",")
    model = load_model(
        Settings(model=arguments.model, precision=arguments.precision, data_dir=arguments.cache.absolute())
    )
    folder = arguments.cache / model.description.digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    if parts == ["live"]:
        print(_renew_live(model, folder, arguments.out))
        return
    try:
        playlists = {} if parts == ["random"] else render_playlists(model.codec, folder)
    except OSError as failure:
        print(f"no playlists: {failure}; the tastes are left out", flush=True)
        playlists = {}
    judges = teach(model.codec, folder)
    bench = open_bench_directions(model, folder, playlists)

    def renderer(share: Share = WHOLE) -> Renderer:
        return Renderer(model, bench, judges, folder, minutes=arguments.minutes, share=share)

    if arguments.share:
        _render(
            renderer(Share(arguments.share, arguments.processes)), size, parts, bench, has_playlists=bool(playlists)
        )
        return
    helpers = [_start_helper(index) for index in range(1, arguments.processes)]
    try:
        _render(renderer(Share(0, arguments.processes)), size, parts, bench, has_playlists=bool(playlists))
    finally:
        failed = [helper.args for helper in helpers if helper.wait()]
    if failed:
        raise SystemExit(f"a helper failed ({failed[0]!r}); the same command goes on with what is missing")
    analysis = Analysis(renderer(), size, bench, judges)
    random = setting() | {"clips": size.prompts * size.seeds, "sliders": analysis.random()}
    if parts == ["random"]:
        print(_write(_standing(model, arguments.out) | {"random": random}, arguments.out))
        return
    found = setting() | {
        "size": arguments.size,
        "conditions": asdict(size),
        "model": {
            "id": model.description.model_id,
            "digest": model.description.digest,
            "precision": model.description.precision,
        },
        "judges": {} if judges is None else judges.figures,
        "sliders": analysis.sliders(),
        "random": random,
        "said": analysis.worded(),
        "side_effects": analysis.side_effects(),
        "stacking": analysis.stacking(),
        "variants": analysis.variants(),
        "held": analysis.held(),
        "frechet_by_chance": analysis.chance(),
        "knob_to_ear": _live(model, folder) if "live" in parts else {},
        "tastes": analysis.tastes(NAMES, WORDS, {name: marks(model.codec, playlists[name]) for name in NAMES})
        if playlists
        else {},
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(_write(found, arguments.out))


def _write(found: dict[str, Any], folder: Path) -> str:
    (folder / "steering.json").write_text(json.dumps(found, indent=1) + "\n")
    return write_report(found, folder)


def _live(model: LoadedModel, folder: Path) -> dict[str, Any]:
    """Knob to ear, and where and when it was measured."""
    return knob_to_ear(model, folder) | setting()


def _renew_live(model: LoadedModel, folder: Path, out: Path) -> str:
    """The report that stands, with knob to ear measured anew: it needs no clips."""
    found = _standing(model, out)
    open_bench_directions(model, folder, {})
    return _write(found | {"knob_to_ear": _live(model, folder)}, out)


def _standing(model: LoadedModel, out: Path) -> dict[str, Any]:
    """The report that stands. Raises SystemExit where it is of another model."""
    found: dict[str, Any] = json.loads((out / "steering.json").read_text())
    if found["model"]["digest"] != model.description.digest:
        raise SystemExit("the report is of another model: run all parts")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument(
        "--parts",
        default=",".join(PARTS),
        help="comma-separated, of " + ", ".join(PARTS) + "; `live` or `random` alone renews its rows",
    )
    parser.add_argument("--minutes", type=float, help="stop rendering after so long and report on what there is")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that render side by side")
    parser.add_argument("--share", type=int, default=0, help="be the helper of this number, and render its share alone")
    parser.add_argument("--cache", type=Path, default=Path(".bench/steering"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--model", default="embedded", help="a folder, or `embedded`")
    parser.add_argument("--precision", default="fp32")
    return parser.parse_args()


def _start_helper(index: int) -> subprocess.Popen[bytes]:
    """The same command once more, for another share of the cells."""
    command = [sys.executable, "-m", "benchmarks.steering", *sys.argv[1:], "--share", str(index)]
    return subprocess.Popen(command)


def _render(renderer: Renderer, size: Size, parts: list[str], bench: BenchDirections, *, has_playlists: bool) -> None:
    """What is missing of the renderer's share, the most important first."""
    plain = unsteered_cells(size)
    renderer.make(plain, "unsteered")
    if parts != ["random"]:
        renderer.make([replace(cell, seed=cell.seed + 2000) for cell in plain[: len(plain) // 2]], "chance")
    if "sliders" in parts:
        renderer.make(_flat(slider_cells(size, bench.ends)), "sliders")
    if "random" in parts:
        renderer.make(_flat(random_cells(size, bench.ends)), "random directions")
    if "said" in parts:
        renderer.make(
            [cell for pairs in worded_cells(size).values() for pair in pairs for cell in pair], "said in words"
        )
    if "tastes" in parts and has_playlists:
        renderer.make(_flat(taste_cells(size, list(NAMES), WORDS)), "tastes")
    if "stacking" in parts:
        for way in ("joint", "sum"):
            renderer.make(_flat(stack_cells(size, bench.ends, way)), f"stacking, {way}")
    if "variants" in parts:
        renderer.make(_flat(variant_cells(size, bench.best, bench.ends)), "variants")
    if "held" in parts:
        renderer.make(held_cells(size, bench.ends), "held")


def _flat(grid: Mapping[Any, list[Cell]]) -> list[Cell]:
    return [cell for cells in grid.values() for cell in cells]


if __name__ == "__main__":
    main()
