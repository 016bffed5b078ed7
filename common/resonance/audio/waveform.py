"""A waveform: mono or stereo samples with their rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """Samples `[channels, samples]` (float32, finite, in [-1, 1]) at `sample_rate_hz`.

    Raises:
        ValueError: the samples are not such an array.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise ValueError(
                f"samples must be float32 [channels, samples], not {self.samples.dtype} {self.samples.shape}"
            )
        if self.samples.shape[0] not in (1, 2):
            raise ValueError(f"one or two channels, not {self.samples.shape[0]}")
        if not np.isfinite(self.samples).all() or (self.samples.size and np.abs(self.samples).max() > 1.0):
            raise ValueError("samples must be finite and within [-1, 1]")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.shape[1] / self.sample_rate_hz
