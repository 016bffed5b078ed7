"""Training windows: arranged loops in tokens, cut from bar lines.

A piece's loop is arranged to any length, with a fresh caption.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from . import corpus
from .captions import caption
from .codec import frozen_codec
from .text import TOKENS_MAX

PAD: Final = 1024
WEAK: Final = {  # what a run lost, and how often its soloists are drawn; more than that would be more than a few passes over each
    "trumpet": 2.5,
    "electric piano": 2.5,
    "bass guitar": 2.0,
    "strings": 2.0,
    "electric guitar": 2.0,
}
SOLO_WEIGHT: Final = 1.5
WEAK_WEIGHT: Final = 1.3
FRESH_WEIGHT: Final = 3.0
SPOILT_SHARE: Final = 0.5
STANDING_SHARE: Final = 0.35  # of spoilt windows
STANDING_SIXTEENTHS: Final = (2, 4, 4, 8, 8, 16)
FROM_START_SHARE: Final = 0.6
IGNORED: Final = -100
UNTOLD: Final = -100
STUCK: Final = corpus.WORK / "stuck.npy"  # written by `stuck`


@dataclass(frozen=True, slots=True)
class Window:
    """Codes [4, frames] from a bar line on, with the piece they come from."""

    codes: NDArray[np.int16]
    piece: dict[str, Any]
    from_start: bool
    skipped: int = 0  # frames of the form before the window
    told: int | None = None  # frames whose labels count, all where it is None


class Corpus:
    """All tokenised pieces of one split, in memory."""

    def __init__(self, held_out: bool, fresh: range = range(0)) -> None:
        self._held_out, self._fresh = held_out, fresh
        self._frames: dict[int, int] = {}  # of each shard's forms, once each
        self._pieces: list[tuple[NDArray[np.int16], dict[str, Any], int]] = []
        self._weights: list[float] = []
        self.drawn: dict[
            int, int
        ] = {}  # frames of each shard that windows showed, by a count that knows no repeats within a window
        self.passes_max = float("inf")
        self.refresh()

    def __len__(self) -> int:
        return len(self._pieces)

    def passes(self, number: int) -> float:
        """How often a shard's music was shown."""
        return self.drawn.get(number, 0) / self._frames[number]

    def passes_left(self) -> float:
        """Passes that the shards still may have, all together."""
        return sum(max(0.0, self.passes_max - self.passes(number)) for number in self._frames)

    def refresh(self) -> None:
        """Read the shards that were finished since the last time; what was shown often is drawn more seldom, at `passes_max` not at all."""
        for number in corpus.shards(corpus.CODES, self._held_out):
            if number not in self._frames:
                codes = np.load(corpus.CODES / f"{number:05d}.npy")
                pieces = corpus.labels(number, corpus.CODES)
                for piece in pieces:
                    start = piece["offset"] // 320
                    self._pieces.append((codes[:, start : start + piece["samples"] // 320], piece, number))
                    self._weights.append(weight(piece["labels"], number in self._fresh))
                self._frames[number] = sum(piece["loop_frames"] for piece in pieces)
        left = {number: max(0.0, 1 - self.passes(number) / self.passes_max) for number in self._frames}
        weights = [weight * left[number] for weight, (_, _, number) in zip(self._weights, self._pieces, strict=True)]
        self._cumulated = list(accumulate(weights if not self._held_out else [1.0] * len(self._pieces)))

    def window(self, random: Random, frames: int, from_start: bool | None = None) -> Window:
        """A window of a random piece: mostly from its very first beat, otherwise from any bar line of its loop."""
        codes, piece, number = random.choices(self._pieces, cum_weights=self._cumulated)[0]
        self.drawn[number] = self.drawn.get(number, 0) + min(frames, piece["loop_frames"])
        beginning = random.random() < FROM_START_SHARE if from_start is None else from_start
        skipped = (
            0 if beginning else random.randrange(piece["loop_frames"] // piece["bar_frames"]) * piece["bar_frames"]
        )
        return Window(arrange(codes, piece, frames, beginning, skipped), piece, beginning, skipped)


def weight(labels: dict[str, Any], is_fresh: bool) -> float:
    """How often a piece is drawn: soloists, players that are learned badly, and pieces that no earlier run has seen, more often."""
    weak = [WEAK[name] for name in labels["instruments"] if name in WEAK]
    alone, along = (max(weak), WEAK_WEIGHT) if weak else (SOLO_WEIGHT, 1.0)
    return (alone if labels["solo"] else along) * (FRESH_WEIGHT if is_fresh else 1.0)


@cache
def silence() -> NDArray[np.int16]:
    """What the codec writes for digital silence, [4, 1]."""
    model = frozen_codec()
    with torch.no_grad():
        codes = model.quantizer.encode(model.encoder(torch.zeros(1, 1, 320 * 60)), 2.0)
    return codes[:, 0, 30:31].numpy().astype(np.int16)


def arrange(
    codes: NDArray[np.int16], piece: dict[str, Any], frames: int, from_start: bool, skipped: int = 0
) -> NDArray[np.int16]:
    """The sections laid out as a song: the form from silence, then again and again, and an ending where there is one and room for it."""
    sections = {name: codes[:, start:end] for name, start, end in piece["sections"]}
    parts = [sections["first" if from_start else "loop"]]
    length = parts[0].shape[1] - skipped
    while length < frames:
        if "ending" in sections and 40 <= frames - length < piece["loop_frames"]:
            parts.append(sections["ending"])
            break
        parts.append(sections["loop"])
        length += parts[-1].shape[1]
    return np.concatenate(parts, axis=1)[:, skipped : skipped + frames]


def roots(piece: dict[str, Any], frames: int, skipped: int = 0) -> NDArray[np.int64]:
    """The pitch class of the chord's root at each frame of a window, [frames], and `UNTOLD` after the last form that fits."""
    form = piece["loop_frames"]
    starts = np.array([frame for frame, _ in piece["changes"]])
    at = (np.arange(frames) + skipped) % form
    found = np.array([root for _, root in piece["changes"]])[np.searchsorted(starts, at, side="right") - 1]
    whole = (frames + skipped) // form
    if whole and any(name == "ending" for name, _, _ in piece["sections"]):
        found[whole * form - skipped :] = UNTOLD
    return found


def delayed(windows: list[Window]) -> tuple[Tensor, Tensor]:
    """Inputs and labels [windows, 4, frames + 4] in MusicGen's delay pattern: codebook k is late by k, 1024 elsewhere."""
    frames = max(window.codes.shape[1] for window in windows)
    ids = torch.full((len(windows), 4, frames + 5), PAD)
    for row, window in enumerate(windows):
        codes = torch.from_numpy(window.codes.astype(np.int64))
        for book in range(4):
            ids[row, book, 1 + book : 1 + book + codes.shape[1]] = codes[book]
    labels = ids[:, :, 1:].clone()
    labels[labels == PAD] = IGNORED
    return ids[:, :, :-1], labels


def spoilt(window: Window, random: Random, share: float = SPOILT_SHARE) -> Window:
    """What the model may have played itself so far: a share of the windows with wrong tokens, or stuck on one frame, or silent for a while.

    A model that only ever heard perfect music holds a tone for ever once it has held it too long, and never comes back from a
    rest that it fell into; measured, it did both. And it stands on one stroke, beat or bar for as long as it likes: so the input does that,
    too, for up to three bars, while the labels go on to the next chords.
    """
    if random.random() >= share:
        return window
    codes, told = window.codes.copy(), None
    frames = codes.shape[1]
    generator = np.random.default_rng(random.randrange(2**32))
    wrong = generator.random(codes.shape) < random.choice((0.02, 0.06, 0.12))
    codes[wrong] = codes[:, generator.integers(0, frames, frames)][wrong]
    while random.random() < (0.6 if frames <= 400 else 0.8) and frames > 40:
        start = random.randrange(2, frames - 30)
        room = codes[:, start : start + random.choice((15, 30, 60, 120, 200))]
        room[:] = _stuck(codes[:, :start], room.shape[1], random, generator)
    if random.random() < STANDING_SHARE:
        told = _stand(codes, window.piece, random)
    if random.random() < 0.35:
        start = 0 if random.random() < 0.5 else random.randrange(frames)
        codes[:, start : start + random.randint(3, 70)] = silence()
    return Window(codes, window.piece, window.from_start, window.skipped, told)


def _stand(codes: NDArray[np.int16], piece: dict[str, Any], random: Random) -> int:
    """From some beat on, the last stroke, beat, half bar or bar again and again, in time; returns the frames whose labels count.

    They end a beat after the standing does: what comes later is copied from what did not sound, and a model that is asked for it all the
    same learns to copy nothing (measured: the loss on what was heard before rose from 0.79 to 1.20 nats in 600,000 frames).
    """
    sixteenth = piece["labels"]["frames_per_sixteenth"]
    again = sixteenth * random.choice(STANDING_SIXTEENTHS)
    first = random.randrange(again, again + 32 * sixteenth, 4 * sixteenth)
    room = codes[:, first : first + 16 * sixteenth * random.randint(1, 3)]
    room[:] = codes[:, first - again + np.arange(room.shape[1]) % again]
    return min(codes.shape[1], first + room.shape[1] + 4 * sixteenth)


def _stuck(before: NDArray[np.int16], length: int, random: Random, generator: np.random.Generator) -> NDArray[np.int16]:
    """A tone held too long: a few frames repeated, or the last ones in any order, or what the model itself once fell into.

    Measured: the model's held tones are loops of two to eight frames, or a shuffle of half a dozen codes under a second
    codebook that stands still (three of four were the same pad).
    """
    kind, known = random.random(), fallen_into()
    if kind < 0.3 and known.shape[1] > length:
        start = random.randrange(known.shape[1] - length)
        return known[:, start : start + length]
    few = before[:, -random.choice((1, 1, 2, 3, 4, 5, 8) if kind < 0.65 else (4, 6, 9)) :]
    order = np.arange(length) if kind < 0.65 else generator.integers(0, few.shape[1], length)
    return few[:, order % few.shape[1]]


@cache
def fallen_into() -> NDArray[np.int16]:
    """Held stretches of earlier weights, end to end, [4, frames]; none unless `stuck` was run."""
    return np.load(STUCK) if STUCK.exists() else np.zeros((4, 0), np.int16)


def words(tokenizer: PreTrainedTokenizerFast, windows: list[Window], random: Random) -> tuple[Tensor, Tensor]:
    """Fresh captions of the windows as token ids and mask."""
    texts = [caption(window.piece["labels"], random) for window in windows]
    found = tokenizer(texts, padding=True, truncation=True, max_length=TOKENS_MAX, return_tensors="pt")
    return found["input_ids"], found["attention_mask"]
