"""Tokenising: rendered shards to codec tokens, [4, frames] of 16-bit codes beside the same labels, resumable."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import EncodecModel, MusicgenForConditionalGeneration

from . import codec, corpus
from .train_codec import FOLDER as CODEC_FOLDER

WRAP_FRAMES: Final = 16
WEIGHTS: Final = Path("model/resonance_model/weights")


def frozen_codec(name: str = "quantised") -> EncodecModel:
    """The codec whose encoder and codebooks no later phase changes; the exported one when this machine trained none."""
    path = CODEC_FOLDER / f"{name}.pt"
    if not path.exists():
        return MusicgenForConditionalGeneration.from_pretrained(WEIGHTS, dtype=torch.float32).audio_encoder.eval()
    model = EncodecModel(codec.config())
    model.load_state_dict(torch.load(path, weights_only=True)["model"])
    return model.eval()


@torch.no_grad()
def tokenise_shard(model: EncodecModel, number: int) -> None:
    """One shard; a piece that ends in a loop is followed by the loop's own start, as it will be when it repeats."""
    audio = np.load(corpus.AUDIO / f"{number:05d}.npy", mmap_mode="r")
    pieces = corpus.labels(number)
    found = []
    for piece in pieces:
        start, count = piece["offset"], piece["samples"]
        loop = start + piece["loop_frames"] * 320
        samples = (
            np.concatenate([audio[start : start + count], audio[loop : loop + WRAP_FRAMES * 320]]).astype(np.float32)
            / 32767
        )
        latents = model.encoder(torch.from_numpy(samples)[None, None])
        codes = model.quantizer.encode(latents, 2.0)[:, 0]
        found.append(codes[:, : count // 320].numpy().astype(np.int16))
    np.save(corpus.CODES / f"{number:05d}.part.npy", np.concatenate(found, axis=1))
    shutil.copy(corpus.AUDIO / f"{number:05d}.json", corpus.CODES / f"{number:05d}.json")
    (corpus.CODES / f"{number:05d}.part.npy").rename(corpus.CODES / f"{number:05d}.npy")


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
