"""Search of sampling settings: motion, prompt adherence, instruments, collapse.

All four are measured together, point by point. The search is resumable.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import torch

from .captions import INSTRUMENT_WORDS, caption
from .codec import WEIGHTS
from .compose import SOLOISTS, compose
from .evaluate import listener_of, movement, sha256_of
from .listener import Listener
from .meters import STILL_MIN_S, read
from .sampler import Point, Sampler
from .text import CLASSES, INSTRUMENTS

FIGURES: Final = Path("model/training/figures/sampling.json")
SECONDS: Final = 10.0
PAIRS: Final = {  # attribute: a prompt for little and one for much of it
    "energy": ("calm quiet rock", "loud powerful rock"),
    "bass_resonance": ("lo-fi without bass", "lo-fi with deep bass"),
    "instrument_density": ("sparse funk", "dense funk"),
    "vocal_presence": ("instrumental classical", "classical with choir"),
    "harmonic_complexity": ("folk simple chords", "folk jazzy chords"),
    "emotional_tension": ("happy cinematic", "ominous cinematic"),
}
PROMPTS: Final = [
    *(INSTRUMENT_WORDS[name][0] for name in SOLOISTS),
    *(prompt for pair in PAIRS.values() for prompt in pair),
]
DEFAULT: Final = Point()
GRID: Final = (
    DEFAULT,
    Point(guidance=2.0, temperature=1.0, top_k=250),
    Point(guidance=1.5, temperature=1.0, top_k=100),
    Point(guidance=4.0, shape="falling", late=1.0, temperature=1.0, top_k=100),
    Point(guidance=3.0, temperature=1.0, top_k=100),
    Point(guidance=1.5, temperature=1.0, top_k=100, fine_guidance=3.0, fine_temperature=0.8),
    Point(guidance=2.0, temperature=1.0, top_k=0, min_p=0.05),
    Point(guidance=3.0, rescale=0.7, temperature=1.0, top_k=250),
    Point(guidance=3.0, shape="early", late=1.5, temperature=1.0, top_k=100),
    Point(guidance=3.0, temperature=1.0, top_k=250),
    Point(guidance=2.0, temperature=0.9, top_k=100),
    Point(guidance=1.0, temperature=1.0, top_k=250),
    Point(guidance=3.0, temperature=0.9, top_k=250),
    Point(guidance=3.0, temperature=1.0, top_k=0, min_p=0.05),
    Point(guidance=3.0, shape="falling", late=1.5, temperature=1.0, top_k=100),
    Point(guidance=3.0, shape="early", late=2.0, temperature=0.9, top_k=100),
    Point(guidance=1.5, temperature=0.9, top_k=50),
    Point(guidance=2.0, temperature=1.0, top_k=50),
    Point(guidance=3.0, temperature=1.0, top_k=50),
    Point(novelty=1.0),
    Point(novelty=0.5),
    Point(novelty=2.0),
    Point(novelty=1.0, novel_to=200),
)


def free_prompts(count: int) -> list[str]:
    """Captions of pieces that were never rendered."""
    random = Random(78)
    return [caption(compose(21_000_000 + index).labels.as_dict(), random) for index in range(count)]


def examined(
    sampler: Sampler, listener: Listener, point: Point, seeds: int, first_seed: int, free: int = 0
) -> dict[str, Any]:
    """The figures of one point over all prompts and seeds, and over `free` prompts more that nobody can say the answer to."""
    prompts = [*PROMPTS, *free_prompts(free)]
    clips = [
        clip
        for seed in range(seeds)
        for clip in sampler.play(
            prompts, SECONDS, [first_seed + 1000 * seed + place for place in range(len(prompts))], point
        )
    ]
    readings = [read(clip) for clip in clips]
    heard = {name: values.numpy().reshape(seeds, len(prompts), -1) for name, values in listener.listen(clips).items()}
    columns = [INSTRUMENTS.index(name) for name in SOLOISTS]
    table = heard["instruments"][:, : len(SOLOISTS), columns]
    own = np.arange(len(SOLOISTS))
    collapsed = [reading.collapse for reading in readings]
    return {
        **movement(readings),
        "motions": [round(reading.motion, 4) for reading in readings],
        "clips": len(clips),
        "collapsed": sum(bool(kind) for kind in collapsed),
        "kinds": sorted({kind for kind in collapsed if kind}),
        "still": sum(reading.still_s >= STILL_MIN_S for reading in readings),
        "pulse_clarity_median": round(float(np.median([reading.pulse_clarity for reading in readings])), 3),
        "instruments_heard": round(float((table[:, own, own] > 0.5).mean()), 3),
        "instruments_most_heard": round(float((table.argmax(2) == own).mean()), 3),
        "words": words_in_order(heard),
    }


def words_in_order(heard: dict[str, Any]) -> dict[str, float]:
    """For each attribute the share of (little, much) pairs, over all pairs of seeds, that the listener hears in order; and their mean."""
    found: dict[str, float] = {}
    for place, name in enumerate(PAIRS):
        levels = (heard[name] * np.arange(CLASSES[name])).sum(2)
        little, much = (levels[:, len(SOLOISTS) + 2 * place + side] for side in (0, 1))
        found[name] = round(float(np.mean(much[:, None] > little[None])), 3)
    return {**found, "all": round(float(np.mean(list(found.values()))), 3)}


def proposed(points: list[dict[str, Any]]) -> dict[str, Any]:
    """The point that moves most of those that keep what the default has.

    It collapses and stands no more often, and loses at most one clip of 24 in instruments heard and in words.
    """
    default = next(point for point in points if point["name"] == DEFAULT.name())
    slack = 1.0 / 24

    def is_no_worse(point: dict[str, Any]) -> bool:
        return bool(
            point["collapsed"] <= default["collapsed"]
            and point["still"] <= default["still"]
            and point["instruments_heard"] >= default["instruments_heard"] - slack - 1e-6
            and point["words"]["all"] >= default["words"]["all"] - slack - 1e-6
        )

    return max((point for point in points if is_no_worse(point)), key=lambda point: point["motion_median"])


def table(figures: dict[str, Any]) -> str:
    """The page beside the figures."""
    points = figures["points"]
    rows = "\n".join(row(point) for point in points)
    best = proposed(points) if any(point["name"] == DEFAULT.name() for point in points) else None
    proposal = "The default was not measured yet."
    if best and best["name"] == DEFAULT.name():
        proposal = f"""Proposed: **the default stays** ({DEFAULT.name()}). No point that collapses and stands no more often, and loses
no more than one clip of 24 in instruments and in words, moves more."""
    elif best:
        proposal = f"""Proposed: **{best["name"]}**, which moves most of the points that collapse and stand no more often than the default
({DEFAULT.name()}) and lose no more than one clip of 24 in instruments and in words."""
    prompts = len(PROMPTS) + figures["free_prompts"]
    return f"""# Ways to sample, compared

Written by `python -m model.training.sampling_search` on {figures["date"]}, {figures["machine"]}, commit {figures["commit"]}, weights
{figures["weights_sha256"][:12]}. {prompts} prompts x {figures["seeds"]} seeds of {SECONDS:g} s each. A listener that was taught on
renderings of this composer judges instruments and words. Four pairs of clips for each of six attributes are "words in order".

A point is guidance / temperature / top-k. Motion is the mean cosine distance of chroma from second to second, median over clips; the
median of 48 clips has a standard error of 0.014 (bootstrap, the default's clips), so most of these points cannot be told apart by it.

| point | motion | tenth centile | still 5 s | collapsed | heard where asked | most heard | words in order | pulse |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

{proposal}
"""


def row(point: dict[str, Any]) -> str:
    """Of the table."""
    cells = (
        point["name"],
        f"{point['motion_median']:.3f}",
        f"{point['motion_tenth_centile']:.3f}",
        point["still"],
        point["collapsed"],
        f"{point['instruments_heard']:.0%}",
        f"{point['instruments_most_heard']:.0%}",
        f"{point['words']['all']:.0%}",
        f"{point['pulse_clarity_median']:.2f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Measure the points that are not in the figures yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=40_000)
    parser.add_argument("--lessons", type=int, default=480)
    parser.add_argument("--points", type=int, default=len(GRID), help="of the grid, from its beginning")
    parser.add_argument("--only", nargs="*", default=[], help="names of points, as in the table")
    parser.add_argument("--free", type=int, default=0, help="prompts more, captions of pieces that were never rendered")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = sha256_of(arguments.folder / "model.safetensors")
    known: dict[str, Any] = json.loads(arguments.figures.read_text()) if arguments.figures.exists() else {}
    asked = {"weights_sha256": weights, "seeds": arguments.seeds, "free_prompts": arguments.free}
    points = known["points"] if all(known.get(name) == value for name, value in asked.items()) else []
    listener, _ = listener_of(arguments.lessons)
    sampler = Sampler(arguments.folder)
    for point in GRID[: arguments.points]:
        if any(one["name"] == point.name() for one in points) or (
            arguments.only and point.name() not in arguments.only
        ):
            continue
        found = examined(sampler, listener, point, arguments.seeds, arguments.first_seed, arguments.free)
        points.append({"name": point.name(), "point": asdict(point), **found})
        print(points[-1], flush=True)
        write(arguments.figures, {**circumstances(), **asked, "points": points})


def circumstances() -> dict[str, Any]:
    """Machine, commit and day of a measurement."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, torch {torch.__version__}, one thread",
        "commit": commit.stdout.strip(),
    }


def write(path: Path, figures: dict[str, Any]) -> None:
    """JSON and table, each in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, written in ((path, json.dumps(figures, indent=1) + "\n"), (path.with_suffix(".md"), table(figures))):
        target.with_suffix(target.suffix + ".part").write_text(written)
        target.with_suffix(target.suffix + ".part").rename(target)


if __name__ == "__main__":
    main()
