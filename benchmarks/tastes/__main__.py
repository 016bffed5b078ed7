"""`make bench-tastes`: renders, measures, writes table and picture; resumable.

Only missing takes are rendered.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import measure
from .fetch import CACHE, fetch
from .judges import JUDGES, Bench, classes_of, validate
from .manifest import FIRST_FOUR, PLAYLISTS, WORDS, Song, chosen, read_manifest
from .motion import harmonic_motion
from .product import Product, Taste, product_digest
from .report import write_report
from .sound import RATE_HZ, WINDOW_S, cut, load
from .takes import (
    ASKED,
    DURATION_S,
    NEUTRAL,
    SEEDS,
    Cell,
    arm_of,
    asked_cells,
    plain_cells,
    random_cells,
    render,
    taste_cells,
    words_cells,
)
from .variants import WANTED, WANTED_ELSE, make_variants

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "benchmarks" / "results"
PARTS: Final = ("takes", "words", "asked", "invariance", "random", "songs")
_AT_ONCE: Final = 4  # takes, the service's default of slots
LOUD_VARIANTS: Final = ("plain", "-18 dB", "-12 dB", "+6 dB")
OTHER_SONGS: Final = 12


@dataclass(slots=True)
class Run:
    """One run: what is made, and until when."""

    product: Product
    songs: Sequence[Song]
    cache: Path
    ends: float
    seconds: float
    tastes: dict[str, Taste] = field(default_factory=dict)
    made: dict[Cell, Path] = field(default_factory=dict)

    def has_time(self) -> bool:
        """Whether something more may be begun."""
        return time.monotonic() < self.ends

    def files(self, playlist: str, split: str) -> list[Path]:
        """A playlist's files."""
        return [song.file_in(self.cache) for song in chosen(self.songs, playlist, split)]

    def uploads(self, playlist: str, split: str) -> list[Path]:
        """What is uploaded of a playlist's songs: the middle of each, or all of it."""
        return [self.upload(path) for path in self.files(playlist, split)]

    def upload(self, path: Path) -> Path:
        """What is uploaded of a song."""
        return cut(path, self.cache / "cuts", self.seconds) if self.seconds else path

    def make_tastes(self, named: Iterable[tuple[str, list[Path]]]) -> None:
        """Tastes by name, while there is time."""
        for name, files in named:
            if self.has_time():
                self.tastes[name] = self.product.taste(name, files)
                print(f"taste {name}: {self.tastes[name].wall_s:.0f} s", flush=True)

    def make_takes(self, cells: Iterable[Cell]) -> None:
        """Takes, as many at once as the service has slots, while there is time and the taste is there."""
        wanted = list(cells)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = list(pool.map(self._take, wanted))
        self.made.update({cell: path for cell, path in zip(wanted, made, strict=True) if path is not None})
        print(f"{wanted[0].arm}: {sum(path is not None for path in made)} of {len(wanted)} takes", flush=True)

    def _take(self, cell: Cell) -> Path | None:
        key = f"random {cell.playlist}" if cell.arm == "random playlist" else cell.playlist
        if not self.has_time() or (cell.is_steered and key not in self.tastes):
            return None
        return render(self.product, cell, self.tastes)


def main() -> None:
    """Makes, measures and reports."""
    arguments = _arguments()
    missing = fetch(arguments.cache)
    if missing:
        raise SystemExit("\n".join([*missing, "without all songs and judges nothing is measured"]))
    parts = arguments.parts.split(",")
    strengths = [float(one) for one in arguments.strengths.split(",")]
    folder = arguments.cache / "products" / product_digest(ROOT)
    ends = time.monotonic() + 60 * arguments.minutes if arguments.minutes else float("inf")
    with Product(folder) as product:
        run = Run(product=product, songs=read_manifest(), cache=arguments.cache, ends=ends, seconds=arguments.seconds)
        model = _kept(folder / "model.json", product.model)
        _make(run, parts, strengths)
        invariance = _invariance(run) if "invariance" in parts else {}
        if "random" in parts:
            run.make_tastes(_random_playlists(run))
            run.make_takes(random_cells())
        singles = {split: _single_tastes(run, split) for split in ("taste", "held")} if "songs" in parts else {}
    found = describe_setting(model, arguments.seconds) | _measured(run, Bench(arguments.cache), strengths)
    found["invariance"] = invariance
    found["directions"] = measure.by_direction(singles["taste"], singles["held"]) if singles else {}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "tastes.json").write_text(json.dumps(found, indent=1) + "\n")
    print(write_report(found, arguments.out))


def _make(run: Run, parts: Sequence[str], strengths: Sequence[float]) -> None:
    """The most important first."""
    run.make_takes(plain_cells())
    for names in (FIRST_FOUR, PLAYLISTS[len(FIRST_FOUR) :]):
        run.make_tastes((name, run.uploads(name, "taste")) for name in names)
        run.make_takes(cell for cell in taste_cells() if cell.playlist in names)
    for strength in strengths:
        if strength != 1:
            run.make_takes(taste_cells(strength))
    if "words" in parts:
        run.make_takes(words_cells())
    if "asked" in parts:
        run.make_takes(asked_cells())


def _random_playlists(run: Run) -> Iterator[tuple[str, list[Path]]]:
    """Eight songs from all playlists, one of each, for each playlist's place: a taste as large as others that stands for no style."""
    drawn = random.Random(0)
    columns = [drawn.sample(run.uploads(name, "taste"), len(PLAYLISTS)) for name in PLAYLISTS]
    for at, name in enumerate(PLAYLISTS):
        yield f"random {name}", [column[at] for column in columns]


def _single_tastes(run: Run, split: str) -> dict[str, list[Taste]]:
    """Each song's own taste, playlists in turn; only whole sets of playlists are given out when time ends."""
    found: dict[str, list[Taste]] = {name: [] for name in PLAYLISTS}
    for files in zip(*(run.uploads(name, split) for name in PLAYLISTS), strict=True):
        if not run.has_time():
            break
        for name, path in zip(PLAYLISTS, files, strict=True):
            found[name].append(run.product.taste(path.stem, [path]))
    print(f"single songs, {split}: {sum(map(len, found.values()))}", flush=True)
    return found


def _invariance(run: Run) -> dict[str, Any]:
    """One song in many forms: how near each form's taste is to the plain file's, and how loud its takes are; all of it or nothing."""
    song = chosen(run.songs, PLAYLISTS[0], "taste")[0]
    whole = run.upload(song.file_in(run.cache))
    files = make_variants(whole, run.cache / "variants" / whole.stem)
    others = {f"{one.title}": [run.upload(one.file_in(run.cache))] for one in _other_songs(run)}
    tastes: dict[str, Taste] = {}
    for name, paths in ({name: [path] for name, path in files.items()} | others).items():
        if not run.has_time():
            return {}
        tastes[name] = run.product.taste(name, paths)
    loud = {name: _loud_takes(run, tastes[name]) for name in LOUD_VARIANTS}
    return {
        "song": song.title,
        "variants": measure.invariance(
            {name: tastes[name] for name in files},
            {name: tastes[name] for name in others},
            lambda name: WANTED.get(name, WANTED_ELSE),
        ),
        "takes_against_plain_lu": {
            name: [mine - plain for mine, plain in zip(found, loud["plain"], strict=True)]
            for name, found in loud.items()
            if name != "plain"
        },
    }


def _loud_takes(run: Run, taste: Taste) -> list[float]:
    """The loudness of a take of each neutral prompt with the taste, in LUFS."""
    return [measure.level(run.product.take(prompt, SEEDS[0], DURATION_S, taste)) for prompt in NEUTRAL]


def _other_songs(run: Run) -> list[Song]:
    """Twelve songs of all playlists that the variants' song must stay apart from: the first playlist's own too, as those are nearest."""
    first = chosen(run.songs, PLAYLISTS[0], "taste")[1:]
    rest = [song for name in PLAYLISTS[1:] for song in chosen(run.songs, name, "taste")[:1]]
    return [*first[: OTHER_SONGS - len(rest)], *rest][:OTHER_SONGS]


def _measured(run: Run, bench: Bench, strengths: Sequence[float]) -> dict[str, Any]:
    """Recognition by every judge, levels, motion and words."""
    found: dict[str, Any] = {"judges": {}, "recognition": {}, "untasted": {}}
    arms = [*(arm_of(strength) for strength in strengths), "words", "random playlist"]
    for judge in JUDGES:
        facts = {"role": judge.role, "taught_on": judge.taught_on, "licence": judge.licence}
        found["judges"][judge.name] = facts
        if judge.role == "tags":
            found["words_obeyed"] = measure.words_obeyed(bench, judge, run.made)
            continue
        classes = classes_of(bench, judge, [run.files(name, "taste") for name in PLAYLISTS])
        facts |= validate(bench, judge, classes, [run.files(name, "held") for name in PLAYLISTS], PLAYLISTS)
        found["recognition"][judge.name] = {
            arm: measure.recognition(bench, judge, classes, run.made, arm) for arm in arms
        }
        found["untasted"][judge.name] = measure.untasted(bench, judge, classes, run.made)
    found["levels"] = measure.levels(run.made)
    found["motion"] = measure.motions(run.made, {name: run.files(name, "taste") for name in PLAYLISTS}, _middle_motion)
    found["notices"] = sorted(set(_notices(run.made.values())))
    found["tastes"] = {
        name: {
            "clips": taste.clip_count,
            "split_half_cosine": taste.split_half_cosine,
            "wall_s": round(taste.wall_s, 1),
            "songs_lufs": [round(measure.level(path), 1) for path in run.files(name, "taste")],
        }
        for name, taste in run.tastes.items()
        if name in PLAYLISTS
    }
    return found


def _middle_motion(path: Path) -> float:
    def measured(one: Path) -> float:
        audio = load(one)
        start = max(0, len(audio) // 2 - int(WINDOW_S * RATE_HZ / 2))
        return harmonic_motion(audio[start : start + int(WINDOW_S * RATE_HZ)])

    return measure.once(path, "motion", measured)


def _notices(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        yield from json.loads(path.with_suffix(".json").read_text())["notices"]


def _kept(path: Path, make: Any) -> Any:
    if not path.exists():
        path.write_text(json.dumps(make()))
    return json.loads(path.read_text())


def describe_setting(model: dict[str, Any], seconds: float) -> dict[str, Any]:
    """When, where, of what, with what."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    songs = read_manifest()
    packages = sorted({f"{song.package} {song.version}" for song in songs})
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD"),
        "product": product_digest(ROOT),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "model": model,
        "conditions": {
            "prompts": NEUTRAL,
            "seeds": SEEDS,
            "duration_s": DURATION_S,
            "uploaded_s": seconds,
            "words": WORDS,
            "asked": ASKED,
        },
        "material": {
            "packages": packages,
            "songs": {name: [song.title for song in chosen(songs, name, "taste")] for name in PLAYLISTS},
            "held": {name: [song.title for song in chosen(songs, name, "held")] for name in PLAYLISTS},
        },
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, help="stop making things after so long and report on what there is")
    parser.add_argument("--strengths", default="1", help="comma-separated, such as 0.25,0.5,1,1.5")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of each song's middle that are uploaded; 0 for all of it"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, of " + ", ".join(PARTS))
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
