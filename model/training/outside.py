"""Optional outside listener: musicnn (Pons and Serra 2019).

musicnn was trained on real recordings, and its weights come inside its package.

`pip download --no-deps musicnn` and unzip the wheel; nothing else is needed: `benchmarks/tastes/musicnn.py` runs it without TensorFlow.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

READER: Final = "benchmarks.tastes.musicnn"
TAGGER: Final = "MTT_musicnn"  # tags of MagnaTagATune, which name instruments, tempo, loudness and voices
INSTRUMENT_TAGS: Final = {  # of the soloists that it has tags for
    "piano": ("piano",),
    "acoustic guitar": ("guitar",),
    "drums": ("drums", "beat", "beats"),
    "strings": ("strings", "violin", "cello"),
    "flute": ("flute",),
    "choir": ("choir", "choral", "vocal", "voice"),
    "synth": ("synth", "electronic"),
}
CONTRASTS: Final = {  # prompts for little, prompts for much, tags that fall, tags that rise
    "loudness": (
        ("calm quiet {}", "soft gentle {}"),
        ("loud powerful {}", "intense energetic {}"),
        ("quiet", "soft"),
        ("loud",),
    ),
    "tempo": (("slow {}", "{} 62 bpm"), ("fast {}", "{} 187 bpm"), ("slow",), ("fast",)),
    "voices": (
        ("instrumental {}", "{} no vocals"),
        ("{} with choir", "{} with vocals"),
        ("no vocals", "no voice"),
        ("choir", "vocals"),
    ),
}
GENRES: Final = ("rock", "lo-fi", "classical", "funk")


class Ear(Protocol):
    """What the reader of the weights offers."""

    tag_names: Sequence[str]

    def hear(self, audio: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...


class Player(Protocol):
    """What makes clips: an examination."""

    def clips(self, prompts: list[str], seed: int, seconds: float = 6.0) -> list[NDArray[np.float32]]: ...


def ear_of(folder: Path | None) -> Ear | None:
    """The tagger in an unpacked wheel; None without a folder, or in a checkout without the reader."""
    if folder is None:
        return None
    try:
        reader: Any = importlib.import_module(READER)
    except ModuleNotFoundError:
        return None
    ear: Ear = reader.Musicnn(folder, TAGGER)
    return ear


def figures(player: Player, ear: Ear) -> dict[str, Any]:
    """Areas under the curve: own prompts against all others' for each instrument, much against little for each contrast."""
    names = list(INSTRUMENT_TAGS)
    tags = np.stack([ear.hear(clip)[1] for clip in player.clips([name for name in names for _ in range(4)], 9000)])
    own = np.repeat(np.arange(len(names)), 4)
    instruments = {
        name: area(
            level(tags, ear, INSTRUMENT_TAGS[name])[own != row], level(tags, ear, INSTRUMENT_TAGS[name])[own == row]
        )
        for row, name in enumerate(names)
    }
    contrasts = {}
    for name, (little, much, down, up) in CONTRASTS.items():
        sides = [
            np.stack(
                [
                    ear.hear(clip)[1]
                    for clip in player.clips([form.format(genre) for form in forms for genre in GENRES], 9500)
                ]
            )
            for forms in (little, much)
        ]
        low, high = (level(side, ear, up) - level(side, ear, down) for side in sides)
        contrasts[name] = area(low, high)
    return {"tagger": TAGGER, "instruments": instruments, "contrasts": contrasts}


def level(tags: NDArray[np.float32], ear: Ear, names: Sequence[str]) -> NDArray[np.float64]:
    """The summed log-odds of some tags, [clips]."""
    shares = np.clip(tags[:, [list(ear.tag_names).index(name) for name in names]].astype(np.float64), 1e-6, 1 - 1e-6)
    found: NDArray[np.float64] = np.log(shares / (1 - shares)).sum(1)
    return found


def area(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """How often one of `high` is above one of `low`."""
    return round(float(np.mean(high[:, None] > low[None])), 3)
