"""Rendering: seeds to shards of 16-bit audio with labels.

It is resumable and runs in one process.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from .compose import compose
from .pieces import Piece
from .synth import FRAME_SAMPLES, SAMPLE_RATE_HZ, Synth

CLIPS_PER_SHARD: Final = 100
LOUDNESS_DB: Final = (-26.0, -23.0, -20.0, -17.0, -14.0)  # by energy
HIGHPASS_HZ: Final = 20.0
GAIN_STEP_DB: Final = 2.0  # few gains, so that the same note has few waveforms


def render_piece(synth: Synth, piece: Piece) -> NDArray[np.float32]:
    """The piece's sections end to end, brought near its energy's loudness, shape [samples]."""
    frames = max(end for _, _, end in piece.sections)
    audio = without_offset(synth.render(piece.notes, frames))
    loop = audio[piece.loop_frames * FRAME_SAMPLES : 2 * piece.loop_frames * FRAME_SAMPLES]
    level = 10 * np.log10(np.mean(np.square(loop)) + 1e-9)
    gain = round((LOUDNESS_DB[piece.labels.energy] - level) / GAIN_STEP_DB) * GAIN_STEP_DB
    peak = float(np.abs(audio).max()) + 1e-9
    return audio * min(10 ** (gain / 20), 0.98 / peak)


def without_offset(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """A highpass of first order at 20 Hz: some patches of the sound font lie up to 0.13 of full scale beside zero, which weights learn."""
    pole = float(np.exp(-2 * np.pi * HIGHPASS_HZ / SAMPLE_RATE_HZ))
    filtered: NDArray[np.float32] = lfilter([(1 + pole) / 2, -(1 + pole) / 2], [1, -pole], audio).astype(np.float32)
    return filtered


def render_shard(synth: Synth, shard: int, folder: Path) -> None:
    """Seeds `shard * 100 ...` to `shard.npy` (int16) and `shard.json` (labels, sections, offsets)."""
    pieces: list[dict[str, object]] = []
    audio: list[NDArray[np.int16]] = []
    offset = 0
    for seed in range(shard * CLIPS_PER_SHARD, (shard + 1) * CLIPS_PER_SHARD):
        piece = compose(seed)
        samples = render_piece(synth, piece)
        audio.append(np.round(samples * 32767).astype(np.int16))
        pieces.append(
            {
                "seed": seed,
                "offset": offset,
                "samples": len(samples),
                "bar_frames": piece.bar_frames,
                "part_frames": piece.part_frames,
                "loop_frames": piece.loop_frames,
                "form": piece.form,
                "changes": piece.changes,
                "sections": piece.sections,
                "labels": piece.labels.as_dict(),
            }
        )
        offset += len(samples)
    np.save(folder / f"{shard:05d}.part.npy", np.concatenate(audio))
    (folder / f"{shard:05d}.json").write_text(json.dumps(pieces))
    (folder / f"{shard:05d}.part.npy").rename(folder / f"{shard:05d}.npy")


def main() -> None:
    """Render the shards that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("model/training/work/audio"))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=80)
    parser.add_argument("--step", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    synth = Synth()
    for shard in range(arguments.first, arguments.last, arguments.step):
        if not (arguments.folder / f"{shard:05d}.npy").exists():
            render_shard(synth, shard, arguments.folder)
            print(f"shard {shard} rendered", flush=True)


if __name__ == "__main__":
    main()
