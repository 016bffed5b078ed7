"""Activation statistics with a file form: of a track's clips, of a piece, and of a model's reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from resonance.errors import DataLoss

Array = NDArray[np.float32]
_TRACK_TENSORS = ("means", "starts_s", "ends_s", "rms", "meters", "variances")
_PIECE_TENSORS = ("mean", "variance")
_REFERENCE_TENSORS = ("mean", "variance", "pieces")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStatistics:
    """Statistics of a track, clip by clip.

    `means` are the layers' mean states over each clip's positions and `variances` their variances, both `[clips, layers, hidden]`; a
    reference needs the variances. `starts_s` and `ends_s` say where each clip begins and ends, `rms` is its loudness, and `meters` are its
    audio features (`activations/audio_features.py`), `[clips, COLUMN_COUNT]`.
    """

    means: Array
    starts_s: Array
    ends_s: Array
    rms: Array
    meters: Array
    variances: Array

    @property
    def covered_s(self) -> float:
        """The seconds that the clips cover, each second once."""
        covered_until = np.concatenate([[0.0], np.maximum.accumulate(self.ends_s)[:-1]])
        return float(np.maximum(self.ends_s - np.maximum(self.starts_s, covered_until), 0.0).sum())

    def to_bytes(self) -> bytes:
        """The statistics as a safetensors file."""
        return safetensors.numpy.save({name: getattr(self, name) for name in _TRACK_TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes) -> TrackStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_load_tensors(data, _TRACK_TENSORS))


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
    """

    mean: Array
    variance: Array
    pieces: Array
    tag: str = ""

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

    def to_bytes(self) -> bytes:
        """The statistics as a safetensors file."""
        return safetensors.numpy.save({name: getattr(self, name) for name in _REFERENCE_TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes, *, tag: str = "") -> ReferenceStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_load_tensors(data, _REFERENCE_TENSORS), tag=tag)


def _load_tensors(data: bytes, names: tuple[str, ...]) -> dict[str, Array]:
    try:
        tensors = safetensors.numpy.load(data)
        found = {name: tensors[name].astype(np.float32, copy=False) for name in names}
    except (safetensors.SafetensorError, KeyError) as failure:
        raise DataLoss(f"these are not stored statistics: {failure}", reason="STATISTICS_DAMAGED") from failure
    if not all(np.isfinite(tensor).all() for tensor in found.values()):
        raise DataLoss("stored statistics are not finite", reason="STATISTICS_DAMAGED")
    return found
