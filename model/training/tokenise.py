"""Tokenisation: rendered shards to codec tokens, with labels.

Tokens are [4, frames] of 16-bit codes. The stage is resumable.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import EncodecModel

from . import corpus
from .codec import frozen_codec
from .synth import FRAME_SAMPLES

WRAP_FRAMES: Final = 16
LEAD_FRAMES: Final = 32


@torch.no_grad()
def tokenise_shard(model: EncodecModel, number: int) -> None:
    """One shard, and its labels beside it."""
    audio = np.load(corpus.AUDIO / f"{number:05d}.npy", mmap_mode="r")
    found = []
    for piece in corpus.labels(number):
        samples = audio[piece["offset"] : piece["offset"] + piece["samples"]].astype(np.float32) / 32767
        found.append(tokenised(model, samples, piece))
    np.save(corpus.CODES / f"{number:05d}.part.npy", np.concatenate(found, axis=1))
    shutil.copy(corpus.AUDIO / f"{number:05d}.json", corpus.CODES / f"{number:05d}.json")
    (corpus.CODES / f"{number:05d}.part.npy").rename(corpus.CODES / f"{number:05d}.npy")


def tokenised(model: EncodecModel, samples: NDArray[np.float32], piece: dict[str, Any]) -> NDArray[np.int16]:
    """A piece's codes, [4, frames of its sections].

    The form is heard once from silence, then its first part again, as it sounds after the last: the rest of the second pass is that of the
    first, token by token. An ending is heard with a little of what comes before it.
    """
    form, part = piece["loop_frames"], piece["part_frames"]
    loop = samples[form * FRAME_SAMPLES : 2 * form * FRAME_SAMPLES]
    wrapped = np.concatenate([loop, loop[: WRAP_FRAMES * FRAME_SAMPLES]])[: (part + WRAP_FRAMES) * FRAME_SAMPLES]
    codes = encoded(model, np.concatenate([samples[: form * FRAME_SAMPLES], wrapped]))
    sections = [codes[:, : form + part], codes[:, part:form]]
    if len(samples) > 2 * form * FRAME_SAMPLES:
        sections.append(encoded(model, samples[(2 * form - LEAD_FRAMES) * FRAME_SAMPLES :])[:, LEAD_FRAMES:])
    return np.concatenate(sections, axis=1)


def encoded(model: EncodecModel, samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Codes [4, frames] of mono samples."""
    latents = model.encoder(torch.from_numpy(samples)[None, None])
    codes: NDArray[np.int16] = model.quantizer.encode(latents, 2.0)[:, 0].numpy().astype(np.int16)
    return codes


def main() -> None:
    """Tokenise what is rendered and not tokenised; with --follow, wait for more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=10_000)
    parser.add_argument("--stop-file", type=Path, default=corpus.WORK / "stop-tokenising")
    arguments: Any = parser.parse_args()
    corpus.CODES.mkdir(parents=True, exist_ok=True)
    model = frozen_codec()
    while not arguments.stop_file.exists():
        todo = sorted(
            {*corpus.shards(), *corpus.shards(held_out=True)}
            - {*corpus.shards(corpus.CODES), *corpus.shards(corpus.CODES, held_out=True)},
            key=lambda number: (number < corpus.HELD_OUT_FIRST, number),
        )
        todo = [number for number in todo if arguments.first <= number < arguments.last]
        if todo:
            tokenise_shard(model, todo[0])
            print(f"shard {todo[0]} tokenised", flush=True)
        elif arguments.follow:
            time.sleep(5)
        else:
            break


if __name__ == "__main__":
    main()
