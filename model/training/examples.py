"""Renderer of three example playlists of composed music.

    python -m model.training.examples FOLDER

The playlists are for people without files of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from .compose import compose
from .pieces import Labels
from .render import render_piece
from .synth import SAMPLE_RATE_HZ, Synth

TRACKS: Final = 4
LOOPS: Final = 3
FIRST_SEED: Final = 50_000_000  # far beyond the seeds of training and of the held-out shards
PLAYLISTS: Final[dict[str, Callable[[Labels], bool]]] = {
    "Example - calm and sparse": lambda labels: (
        labels.energy <= 1 and labels.tempo == 0 and "drums" not in labels.instruments
    ),
    "Example - driving and loud": lambda labels: (
        labels.energy >= 3 and labels.tempo == 2 and "drums" in labels.instruments
    ),
    "Example - voices and strings": lambda labels: (
        {"choir", "strings"} & set(labels.instruments) == {"choir", "strings"}
    ),
}


def render_playlist(synth: Synth, folder: Path, fits: Callable[[Labels], bool]) -> None:
    """The first `TRACKS` seeds whose labels fit, each piece a few times over, as FLAC."""
    folder.mkdir(parents=True, exist_ok=True)
    seed, found = FIRST_SEED, 0
    while found < TRACKS:
        piece = compose(seed)
        seed += 1
        if fits(piece.labels):
            found += 1
            samples = np.tile(render_piece(synth, piece), LOOPS)
            soundfile.write(folder / f"{found} {piece.labels.genre}.flac", samples, SAMPLE_RATE_HZ)


def main() -> None:
    """Renders all playlists below the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    synth = Synth()
    for name, fits in PLAYLISTS.items():
        render_playlist(synth, folder / name, fits)


if __name__ == "__main__":
    main()
