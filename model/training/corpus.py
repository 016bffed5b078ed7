"""Reader of rendered shards: labels, mapped audio, aligned crops.

Labels are in memory. Crops lie on codec frames.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

WORK: Final = Path("model/training/work")
AUDIO: Final = WORK / "audio"
CODES: Final = WORK / "codes"
HELD_OUT_FIRST: Final = 900  # shards from here on are never trained on


def shards(folder: Path = AUDIO, held_out: bool = False) -> list[int]:
    """Numbers of the finished shards."""
    numbers = sorted(int(path.stem) for path in folder.glob("[0-9]*.npy") if path.stem.isdigit())
    return [number for number in numbers if (number >= HELD_OUT_FIRST) == held_out]


def labels(number: int, folder: Path = AUDIO) -> list[dict[str, Any]]:
    """The pieces of a shard."""
    pieces: list[dict[str, Any]] = json.loads((folder / f"{number:05d}.json").read_text())
    return pieces


def crops(numbers: list[int], count: int, frames: int, generator: np.random.Generator) -> Tensor:
    """`count` crops of `frames` codec frames, cut on frame boundaries, shape [count, 1, samples]."""
    samples = frames * 320
    found = []
    for number in generator.choice(numbers, count):
        audio = np.load(AUDIO / f"{number:05d}.npy", mmap_mode="r")
        start = int(generator.integers(0, (len(audio) - samples) // 320)) * 320
        found.append(torch.from_numpy(audio[start : start + samples].astype(np.float32) / 32767))
    return torch.stack(found).unsqueeze(1)
