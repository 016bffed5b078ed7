"""`make bench-steering`: renders what is missing, scores it, writes tables and plots. Stopped at any time, it goes on where it was."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.arms import setting
from resonance.settings import Settings
from resonance_model.loaders import load_model

from .analysis import Analysis
from .cells import held_cells, slider_cells, stack_cells, taste_cells, twins, variant_cells
from .judges import teach
from .latency import knob_to_ear
from .playlists import NAMES, marks, render_playlists
from .report import write_report
from .sizes import SIZES
from .studio import Studio
from .workshop import open_workshop

RESULTS = Path(__file__).parents[1] / "results"
PARTS = ("sliders", "live", "tastes", "stacking", "variants", "held")
# What a person would say of each playlist; the arm that steers by words alone.
WORDS = {name: name for name in NAMES}


def main() -> None:
    """Runs the bench at a size, in order of importance, and reports on whatever there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, of " + ", ".join(PARTS))
    parser.add_argument("--minutes", type=float, help="stop rendering after so long and report on what there is")
    parser.add_argument("--cache", type=Path, default=Path(".bench/steering"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--model", default="embedded", help="a folder, or `embedded`")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    size, parts = SIZES[arguments.size], arguments.parts.split(",")
    model = load_model(
        Settings(model=arguments.model, precision=arguments.precision, data_dir=arguments.cache.absolute())
    )
    folder = arguments.cache / model.facts.digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        playlists = render_playlists(model.codec, folder)
    except OSError as failure:
        print(f"no playlists: {failure}; the tastes are left out", flush=True)
        playlists = {}
    judges = teach(model.codec, folder)
    shop = open_workshop(model, folder, playlists)
    studio = Studio(model, shop, judges, folder, minutes=arguments.minutes)
    studio.make(twins(size), "unsteered")
    half = len(twins(size)) // 2
    studio.make([replace(cell, seed=cell.seed + 2000) for cell in twins(size)[:half]], "chance")
    if "sliders" in parts:
        studio.make([cell for cells in slider_cells(size, shop.ends).values() for cell in cells], "sliders")
    if "tastes" in parts and playlists:
        studio.make([cell for cells in taste_cells(size, list(NAMES), WORDS).values() for cell in cells], "tastes")
    if "stacking" in parts:
        for way in ("joint", "sum"):
            studio.make(
                [cell for cells in stack_cells(size, shop.ends, way).values() for cell in cells], f"stacking, {way}"
            )
    if "variants" in parts:
        studio.make(
            [cell for cells in variant_cells(size, shop.best, shop.ends).values() for cell in cells], "variants"
        )
    if "held" in parts:
        studio.make(held_cells(size, shop.ends), "held")
    analysis = Analysis(studio, size, shop)
    found = setting() | {
        "size": arguments.size,
        "conditions": asdict(size),
        "model": {"id": model.facts.model_id, "digest": model.facts.digest, "precision": model.facts.precision},
        "judges": {} if judges is None else judges.figures,
        "sliders": analysis.sliders(),
        "side_effects": analysis.side_effects(),
        "stacking": analysis.stacking(),
        "variants": analysis.variants(),
        "held": analysis.held(),
        "frechet_by_chance": analysis.chance(),
        "knob_to_ear": knob_to_ear(model, folder) if "live" in parts else {},
        "tastes": analysis.tastes(NAMES, WORDS, {name: marks(model.codec, playlists[name]) for name in NAMES})
        if playlists
        else {},
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "steering.json").write_text(json.dumps(found, indent=1) + "\n")
    print(write_report(found, arguments.out))


if __name__ == "__main__":
    main()
