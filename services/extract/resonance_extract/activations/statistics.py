"""Statistics as values with a file form: a track's clips, a piece, and a model's reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from resonance.errors import DataLoss
from resonance_model.steering.recorder import ActivationStats

Array = NDArray[np.float32]
_TRACK_TENSORS = ("means", "starts_s", "ends_s", "rms", "meters", "variances")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStatistics:
    """Per clip: the layers' mean states `[clips, layers, hidden]`, where it begins and ends, its loudness (RMS), and its meters
    (`describing/meters.py`).

    `variances` are the variances over each clip's positions, `[clips, layers, hidden]`, which a reference needs.
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
        """As a safetensors file."""
        return safetensors.numpy.save({name: getattr(self, name) for name in _TRACK_TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes) -> TrackStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_tensors_of(data, _TRACK_TENSORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPiece:
    """What the layers say of a piece: mean and variance over its positions, `[layers, hidden]`."""

    mean: Array
    variance: Array

    @classmethod
    def of(cls, heard: ActivationStats) -> HeardPiece:
        """As plain arrays."""
        return cls(mean=heard.mean.numpy().astype(np.float32), variance=heard.variance.numpy().astype(np.float32))

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        return safetensors.numpy.save({"mean": self.mean, "variance": self.variance})

    @classmethod
    def from_bytes(cls, data: bytes) -> HeardPiece:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_tensors_of(data, ("mean", "variance")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What varied music looks like inside the model: mean and variance over positions, `[layers, hidden]`.

    `pieces` are the means of the pieces that were heard, `[pieces, layers, hidden]`, which shrunk whitening needs. `tag` names the statistics where somebody has given the music, and is empty where it is the model's own: what is made
    against another reference has another name.
    """

    mean: Array
    variance: Array
    pieces: Array
    tag: str = ""

    @classmethod
    def of_pieces(cls, means: Array, variances: Array) -> Reference:
        """From each piece's mean and variance over its positions, both `[pieces, layers, hidden]`.

        The variance over all positions is the mean of the variances within pieces and the variance of the pieces' means.
        """
        variance = variances.mean(axis=0) + means.var(axis=0)
        return cls(
            mean=means.mean(axis=0).astype(np.float32),
            variance=variance.astype(np.float32),
            pieces=means.astype(np.float32),
        )

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        return safetensors.numpy.save({"mean": self.mean, "variance": self.variance, "pieces": self.pieces})

    @classmethod
    def from_bytes(cls, data: bytes, *, tag: str = "") -> Reference:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_tensors_of(data, ("mean", "variance", "pieces")), tag=tag)


def _tensors_of(data: bytes, names: tuple[str, ...]) -> dict[str, Array]:
    try:
        tensors = safetensors.numpy.load(data)
        found = {name: tensors[name].astype(np.float32, copy=False) for name in names}
    except (safetensors.SafetensorError, KeyError) as failure:
        raise DataLoss(f"these are not stored statistics: {failure}", reason="STATISTICS_DAMAGED") from failure
    if not all(np.isfinite(tensor).all() for tensor in found.values()):
        raise DataLoss("stored statistics are not finite", reason="STATISTICS_DAMAGED")
    return found
