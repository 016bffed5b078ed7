"""Activation statistics with file form: tracks, pieces, model reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from resonance.audio.loudness import BLOCK_S, STEP_S, integrated_lufs, to_power
from resonance.errors import DataLoss

Array = NDArray[np.float32]
_TRACK_TENSORS = ("means", "starts_s", "ends_s", "rms", "meters", "variances", "blocks")
# A block counts as music down to 20 LU below its track, the gate of EBU Tech 3342 for loudness range: the 10 LU of BS.1770 would drop
# the soft movements of a symphony, and silence, run-in noise and hidden gaps lie far below both.
MUSIC_GATE_LU = -20.0
_PIECE_TENSORS = ("mean", "variance")
_REFERENCE_TENSORS = ("mean", "variance", "pieces")
_MUSIC_TENSORS = ("music_pieces", "level")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStatistics:
    """Statistics of a track, clip by clip.

    `means` are the layers' mean states over each clip's positions and `variances` their variances, both `[clips, layers, hidden]`; a
    reference needs the variances. `starts_s` and `ends_s` say where each clip begins and ends, `rms` is its level, and `meters` are its
    audio features (`activations/audio_features.py`), `[clips, COLUMN_COUNT]`. `blocks` are the K-weighted powers of each clip's blocks of
    400 ms (BS.1770), `[clips, BLOCKS_MAX]`, -1 where a clip has no more.
    """

    means: Array
    starts_s: Array
    ends_s: Array
    rms: Array
    meters: Array
    variances: Array
    blocks: Array

    @property
    def new_s(self) -> Array:
        """The seconds of each clip that no earlier clip has, `[clips]`."""
        covered_until = np.concatenate([[0.0], np.maximum.accumulate(self.ends_s)[:-1]])
        return np.maximum(self.ends_s - np.maximum(self.starts_s, covered_until), 0.0).astype(np.float32)

    @property
    def covered_s(self) -> float:
        """The seconds that the clips cover, each second once."""
        return float(self.new_s.sum())

    @property
    def loudness_lufs(self) -> float:
        """The integrated loudness over all clips; minus infinity for silence."""
        return integrated_lufs(self.blocks[self.blocks >= 0].astype(np.float64))

    @property
    def music_shares(self) -> Array:
        """The share of each clip's blocks that pass MUSIC_GATE_LU, `[clips]`."""
        gate = to_power(self.loudness_lufs + MUSIC_GATE_LU)
        passed = ((self.blocks >= 0) & (self.blocks > gate)).sum(axis=1)
        return (passed / np.maximum((self.blocks >= 0).sum(axis=1), 1)).astype(np.float32)

    @property
    def music_s(self) -> Array:
        """The new seconds of each clip that hold music, `[clips]`: what a clip weighs in a taste."""
        return self.new_s * self.music_shares

    def to_bytes(self) -> bytes:
        """The statistics as a safetensors file."""
        return safetensors.numpy.save({name: getattr(self, name) for name in _TRACK_TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes) -> TrackStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_load_tensors(data, _TRACK_TENSORS))


def pad_blocks(powers: NDArray[np.float64], clip_s: float) -> Array:
    """Block powers `[blocks]` of a clip of at most `clip_s` seconds as a row `[1, BLOCKS_MAX]` of `TrackStatistics.blocks`."""
    row = np.full((1, max(len(powers), round((clip_s - BLOCK_S) / STEP_S) + 1)), -1.0, np.float32)
    row[0, : len(powers)] = powers
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The levels (RMS) of the quietest and the loudest track of a playlist. Music pushed towards it may be as quiet and as loud."""

    quietest: float
    loudest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceStatistics:
    """Mean and variance of the layers' states over a piece's positions, `[layers, hidden]`."""

    mean: Array
    variance: Array

    def to_bytes(self) -> bytes:
        """The statistics as a safetensors file."""
        return safetensors.numpy.save({name: getattr(self, name) for name in _PIECE_TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes) -> PieceStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_load_tensors(data, _PIECE_TENSORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStatistics:
    """Statistics of varied music inside a model: mean and variance of the layers' states over positions, `[layers, hidden]`.

    `pieces` are the mean states of each piece, `[pieces, layers, hidden]`, which shrunk whitening needs. `tag` names the statistics where a
    caller gave the music, and is empty where the music is the model's own. It is part of the digest of each vector made against them.

    A taste is the contrast with `music_pieces`, the mean states of levelled real music, `[pieces, layers, hidden]`; empty means
    `pieces`. `level` holds the unit direction per layer in which the states move with loudness alone, `[layers, hidden]`, and is
    zero where it was not measured.
    """

    mean: Array
    variance: Array
    pieces: Array
    tag: str = ""
    music_pieces: Array | None = None
    level: Array | None = None

    @classmethod
    def of_pieces(cls, means: Array, variances: Array) -> ReferenceStatistics:
        """Builds it from each piece's mean and variance over its positions, both `[pieces, layers, hidden]`.

        The variance over all positions is the mean of the variances within pieces and the variance of the pieces' means.
        """
        variance = variances.mean(axis=0) + means.var(axis=0)
        return cls(
            mean=means.mean(axis=0).astype(np.float32),
            variance=variance.astype(np.float32),
            pieces=means.astype(np.float32),
        )

    @property
    def contrast_pieces(self) -> Array:
        """The pieces that a taste is contrasted with, `[pieces, layers, hidden]`."""
        return self.pieces if self.music_pieces is None else self.music_pieces

    def to_bytes(self) -> bytes:
        """The statistics as a safetensors file."""
        names = (*_REFERENCE_TENSORS, *(name for name in _MUSIC_TENSORS if getattr(self, name) is not None))
        return safetensors.numpy.save({name: getattr(self, name) for name in names})

    @classmethod
    def from_bytes(cls, data: bytes, *, tag: str = "") -> ReferenceStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_load_tensors(data, _REFERENCE_TENSORS, optional=_MUSIC_TENSORS), tag=tag)


def _load_tensors(data: bytes, names: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> dict[str, Array]:
    try:
        tensors = safetensors.numpy.load(data)
        names = (*names, *(name for name in optional if name in tensors))
        found = {name: tensors[name].astype(np.float32, copy=False) for name in names}
    except (safetensors.SafetensorError, KeyError) as failure:
        raise DataLoss(f"these are not stored statistics: {failure}", reason="STATISTICS_DAMAGED") from failure
    if not all(np.isfinite(tensor).all() for tensor in found.values()):
        raise DataLoss("stored statistics are not finite", reason="STATISTICS_DAMAGED")
    return found
