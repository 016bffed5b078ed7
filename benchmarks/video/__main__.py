"""`python -m benchmarks.video`: the figures of music videos, written to benchmarks/results/video.md and .json.

`--part` measures one part alone; the others keep their figures. `--song` is a take to make whole videos of; without it a composed song is.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from model.training.synth import Synth

from benchmarks.video import listening, making, pictures
from benchmarks.video.films import Script, write_script
from benchmarks.video.goals import machine, write_report
from benchmarks.video.songs import render_song

PARTS = ("listening", "following", "colours", "flashes", "first", "making", "bytes")
_SEED = 9_000_015


def main() -> None:
    """Measures the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--song", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer songs and films")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size for whole videos")
    arguments = parser.parse_args()
    for part in arguments.part or PARTS:
        about = machine()
        with tempfile.TemporaryDirectory(prefix="video-bench-") as made:
            figures = _measure(part, Path(made), arguments)
        write_report({part: figures}, about)
        for figure in figures:
            print(
                f"{'ok  ' if figure.reached else 'MISS'} {figure.name}: {figure.text} (asked {figure.asked})",
                flush=True,
            )


def _measure(part: str, folder: Path, arguments: argparse.Namespace) -> list[listening.Figure]:
    quick = arguments.quick
    if part == "listening":
        return listening.measure_listening(folder, 6 if quick else 24)
    if part in ("following", "colours", "flashes"):
        maps = pictures.song_maps(folder, 3 if quick else 12, section_s=2.0 if part == "flashes" else 4.0)
        if part == "following":
            return pictures.measure_following(maps)
        if part == "colours":
            return pictures.measure_colours(maps, 6 if quick else 24)
        return pictures.measure_flashes(maps, folder, 4 if quick else 50)
    script = _script(folder, arguments.song)
    if part == "first":
        return making.measure_first(script, folder)
    if part == "bytes":
        return making.measure_bytes(script, folder, 4 if quick else 20)
    return [*making.measure_making(script, folder, scale=arguments.scale), *making.measure_memory(script, folder)]


def _script(folder: Path, song: Path | None) -> Script:
    path = song or render_song(Synth(), _SEED, folder, section_s=4.0).path
    return asyncio.run(write_script(path, pictures.CONCEPT, aspects=("9:16", "1:1", "16:9")))


if __name__ == "__main__":
    main()
