"""Held tones of earlier weights, kept as codes.

`windows.spoilt` puts them into the inputs of the next run, with the right labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from .codec import WEIGHTS
from .generate import Generator
from .meters import HELD_MAX_S, held_stretch
from .windows import STUCK

SUSTAINED: Final = (  # what pads, choirs and strings play: measured, 9 of 50 of such clips hold a tone, 4 of 100 of any
    "pads",
    "peaceful pad",
    "choir",
    "soft choir",
    "atmospheric choir",
    "sad slow choir",
    "steady lofi choir",
    "violins",
    "dark strings",
    "ambient",
    "slow ambient",
    "upbeat singing ambient",
    "drone",
    "soundscape",
    "tense soundscape",
    "meditation music",
    "suspenseful minimalist meditation music soft choir",
    "ominous moderate pads piano synth mid tempo",
    "eerie dark",
    "downtempo",
)


def held_stretches(generator: Generator, prompts: list[str], seconds: float, seed: int) -> list[NDArray[np.int16]]:
    """Of each clip that holds a tone too long, the codes [4, frames] of that tone."""
    codec: Any = generator.model.audio_encoder
    decode, codes = codec.decode, []

    def kept(audio_codes: torch.Tensor, *others: Any, **named: Any) -> Any:
        codes.append(audio_codes[0].numpy().astype(np.int16))
        return decode(audio_codes, *others, **named)

    codec.decode = kept
    try:
        clips = generator.play(prompts, seconds, seed)
    finally:
        codec.decode = decode
    found = []
    for piece, clip in zip(np.concatenate(codes), clips, strict=True):
        start, end = held_stretch(clip)
        if (end - start) * 0.02 > HELD_MAX_S:
            found.append(piece[:, start:end])
    return found


def main() -> None:
    """Add the held tones of an exported folder to those of earlier ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = Generator(arguments.folder)
    known = [np.load(STUCK)] if STUCK.exists() else [np.zeros((4, 0), np.int16)]
    for seed in range(arguments.seeds):
        known += held_stretches(generator, list(SUSTAINED), arguments.seconds, 3000 + seed)
    np.save(STUCK, np.concatenate(known, axis=1))
    print(f"{len(known) - 1} held tones found, {np.load(STUCK).shape[1]} frames kept in all")


if __name__ == "__main__":
    main()
