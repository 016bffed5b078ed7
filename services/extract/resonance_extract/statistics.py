"""Statistics as values with a file form: a track's clips, and a model's reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from resonance.errors import DataLoss

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStatistics:
    """Per clip: the layers' mean states `[clips, layers, hidden]`, where it begins and ends, its loudness (RMS), and its meters
    (`describing/meters.py`)."""

    means: Array
    starts_s: Array
    ends_s: Array
    rms: Array
    meters: Array

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        return safetensors.numpy.save(
            {
                "means": self.means,
                "starts_s": self.starts_s,
                "ends_s": self.ends_s,
                "rms": self.rms,
                "meters": self.meters,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> TrackStatistics:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_tensors_of(data, ("means", "starts_s", "ends_s", "rms", "meters")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What varied music looks like inside the model: mean and variance over positions, `[layers, hidden]`."""

    mean: Array
    variance: Array

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        return safetensors.numpy.save({"mean": self.mean, "variance": self.variance})

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Reads `to_bytes`. Raises DataLoss."""
        return cls(**_tensors_of(data, ("mean", "variance")))


def _tensors_of(data: bytes, names: tuple[str, ...]) -> dict[str, Array]:
    try:
        tensors = safetensors.numpy.load(data)
        found = {name: tensors[name].astype(np.float32, copy=False) for name in names}
    except (safetensors.SafetensorError, KeyError) as failure:
        raise DataLoss(f"these are not stored statistics: {failure}", reason="STATISTICS_DAMAGED") from failure
    if not all(np.isfinite(tensor).all() for tensor in found.values()):
        raise DataLoss("stored statistics are not finite", reason="STATISTICS_DAMAGED")
    return found
