"""Runs the delivery bench and writes what it measured.

    python -m benchmarks.delivery TAKES [--songs FOLDER] [--server URL] [--out benchmarks/results/delivery.json]

TAKES is a folder of raw takes (mono WAV files, `resonance make --raw`), FOLDER one of recordings that carry no mark, URL a running server.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from resonance.audio.wav import read_wav

from . import audibility, first_byte, marks, real_time

PARTS = ("marks", "audibility", "first-byte")


def main() -> None:
    """Measures each part that was asked for; figures of the others stay as they are in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("takes", type=Path)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--songs", type=Path)
    parser.add_argument("--server")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/delivery.json"))
    given = parser.parse_args()
    results: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    rates, takes = _read_takes(given.takes)
    if "marks" in given.parts:
        random = np.random.default_rng(0)
        results["marks"] = _dated(marks.summarise([marks.measure_take(pcm, rates, random) for pcm in takes]))
    if "audibility" in given.parts:
        results["audibility"] = _dated(audibility.measure(takes, rates))
    if "first-byte" in given.parts:
        results["first_byte"] = _dated(first_byte.measure(takes[:40], rates))
    if given.songs is not None:
        results["recordings"] = _dated(marks.count_unmarked(given.songs))
    if given.server:
        results["real_time"] = _dated(real_time.measure(given.server))
    given.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def _read_takes(folder: Path) -> tuple[int, list[bytes]]:
    read = [read_wav(path.read_bytes()) for path in sorted(folder.glob("*.wav"))]
    return read[0][0], [pcm for _, _, pcm, _ in read]


def _dated(figures: dict[str, Any]) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    machine = {"machine": f"{platform.machine()}, {platform.python_version()}", "commit": commit.stdout.strip()}
    return {"date": datetime.date.today().isoformat(), **machine, **figures}


if __name__ == "__main__":
    main()
