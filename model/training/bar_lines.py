"""Loss of looped music by the place where the window begins.

The model reads the same frames after windows that begin on a bar line, within the bar, and off the beat.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import torch
from torch import Tensor
from transformers import EncodecModel

from resonance.settings import Settings
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.delays import delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

from .captions import caption
from .codec import WEIGHTS, frozen_codec
from .compose import compose
from .pieces import Piece
from .render import render_piece
from .synth import FRAME_SAMPLES, Synth
from .tokenise import encoded

FIRST_SEED: Final = 33_000_000
LOOP_FRAMES_MAX: Final = 420
WRAP_FRAMES: Final = 64
OFF_BEAT_FRAMES: Final = 37  # on no sixteenth of any tempo that the model has
HEARD_FRAMES: Final = 200  # over which the loss is averaged
BOOKS: Final = 2


def song(piece: Piece, synth: Synth, codec: EncodecModel, frames: int) -> Tensor:
    """Codes `[codebooks, frames]` of the piece's loop, repeated token by token, from a bar line on."""
    length = piece.loop_frames
    audio = render_piece(synth, piece)[length * FRAME_SAMPLES : 2 * length * FRAME_SAMPLES]
    twice = np.concatenate([audio, audio, audio[: WRAP_FRAMES * FRAME_SAMPLES]])
    loop = encoded(codec, twice)[:, length : 2 * length]
    return torch.from_numpy(np.tile(loop, (1, -(-frames // length)))[:, :frames]).long()


@torch.inference_mode()
def loss(model: LoadedModel, text: Tensor, codes: Tensor) -> float:
    """Mean negative log-likelihood in nats of the last frames' first codebooks, teacher forced, without guidance."""
    slot = CacheSlot(model.config, model.decoder.condition([(text, 1.0)]))
    steps = codes.shape[1] + model.config.delay_max
    inputs = delayed_inputs(codes, start_token=model.config.start_token, step_count=steps, channel_count=1)
    logits = model.decoder.read(slot, inputs, with_logits=True)
    assert logits is not None
    scores, first = logits[0].log_softmax(-1), codes.shape[1] - HEARD_FRAMES
    frames = torch.arange(first, codes.shape[1])
    return float(-torch.stack([scores[frames + book, book, codes[book, frames]] for book in range(BOOKS)]).mean())


def main() -> None:
    """Print the losses of some pieces, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--pieces", type=int, default=14)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, codec = load_model(Settings.model_validate({"model": str(arguments.folder)})), frozen_codec("decoder")
    synth, random, seed = Synth(), Random(5), FIRST_SEED
    rows: list[list[float]] = []
    while len(rows) < arguments.pieces:
        piece = compose(seed)
        seed += 1
        if piece.loop_frames > LOOP_FRAMES_MAX:
            continue
        loops = 3 if 3 * piece.loop_frames > 500 else 4
        codes = song(piece, synth, codec, loops * piece.loop_frames + HEARD_FRAMES)
        (text,) = model.encode_text([caption(piece.labels.as_dict(), random)])
        starts = (0, piece.bar_frames // 4, piece.bar_frames // 2, OFF_BEAT_FRAMES)
        rows.append([round(loss(model, text, codes[:, start:]), 3) for start in starts])
        print(piece.bar_frames, piece.loop_frames, rows[-1], flush=True)
    found = np.array(rows)
    errors = (found - found[:, :1]).std(0) / np.sqrt(len(found))
    print("bar line, quarter, half, off the beat:", found.mean(0).round(3), "error of the difference:", errors.round(3))


if __name__ == "__main__":
    main()
