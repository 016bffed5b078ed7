"""Pictures of the card: spectrograms, asked against heard, training curves.

There are ten spectrograms. Each picture is a small PNG.
"""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import corpus

matplotlib.use("Agg")
from matplotlib import pyplot


def spectrograms(clips: list[NDArray[np.float32]], titles: tuple[str, ...], path: Path) -> None:
    """Mel spectrograms of ten clips in two columns."""
    _figure, axes = pyplot.subplots(5, 2, figsize=(14, 14))
    for axis, clip, title in zip(axes.flat, clips, titles, strict=True):
        mel = librosa.feature.melspectrogram(y=clip, sr=16_000, n_fft=1024, hop_length=160, n_mels=80)
        axis.imshow(
            librosa.power_to_db(mel, ref=1.0),
            origin="lower",
            aspect="auto",
            vmin=-45,
            vmax=25,
            extent=(0, len(clip) / 16_000, 0, 80),
        )
        axis.set_title(title, fontsize=9)
        axis.set_yticks([])
    _save(path)


def confusion(matrix: NDArray[np.float64], names: tuple[str, ...], path: Path) -> None:
    """Asked (rows) against heard (columns)."""
    _figure, axis = pyplot.subplots(figsize=(7, 6))
    axis.imshow(matrix, vmin=0, vmax=1, cmap="magma")
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_xlabel("heard by the listener")
    axis.set_ylabel("asked for")
    _save(path)


def curves(path: Path) -> None:
    """Training and held-out loss, first pass and repeat, and frame 0 with right, shuffled and no captions."""
    log = corpus.WORK / "player" / "log.jsonl"
    if not log.exists():
        return
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    trained = [line for line in lines if "loss" in line]
    tested = [line for line in lines if "held_out" in line]
    _figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5))
    left.plot(
        [line["frames"] / 1e6 for line in trained],
        [line["loss"] for line in trained],
        lw=0.6,
        label="training (weighted)",
    )
    for name in ("held_out", "first_pass", "repeat"):
        left.plot([line["frames"] / 1e6 for line in tested], [line[name] for line in tested], marker=".", label=name)
    for name in ("right", "shuffled", "none"):
        right.plot(
            [line["frames"] / 1e6 for line in tested],
            [line["frame_0"][name] for line in tested],
            marker=".",
            label=f"frame 0, {name} caption",
        )
    for axis in (left, right):
        axis.set_xlabel("million frames")
        axis.set_ylabel("nats")
        axis.legend(fontsize=8)
    _save(path)


def _save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=60)
    pyplot.close()
    with Image.open(path) as picture:  # a small palette keeps a spectrogram under 200 kB
        picture.convert("RGB").quantize(32, dither=Image.Dither.NONE).save(path, optimize=True)
