"""Audio features of a track, without the model.

They are for a taste of words alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from resonance.audio.loudness import block_powers
from resonance.errors import InvalidInput
from resonance.v1 import ingest_pb2
from resonance_extract.activations.audio_features import read_meters
from resonance_extract.activations.configuration import CONFIGURATION
from resonance_extract.activations.tracks import check_sound, clip_fault
from resonance_extract.directions.statistics import TrackStatistics, pad_blocks


@dataclass(slots=True)
class SoundMeter:
    """Reads the audio features of one track clip by clip. `sample` is its first clip, for the describer."""

    sample_rate_hz: int
    sample: NDArray[np.float32] | None = None
    _clips: list[tuple[float, float, float, NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=list)
    _fault: InvalidInput | None = None

    async def read(self, opening: ingest_pb2.ClipOpening, samples: NDArray[np.float32]) -> None:
        """Reads the next clip."""
        self._fault = self._fault or clip_fault(samples, self.sample_rate_hz)
        if self._fault is not None:
            return
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        samples = np.clip(samples, -1.0, 1.0)
        meters = await asyncio.to_thread(read_meters, samples, sample_rate_hz=self.sample_rate_hz)
        powers = await asyncio.to_thread(block_powers, samples, self.sample_rate_hz)
        end_s = opening.start_s + len(samples) / self.sample_rate_hz
        self._clips.append((opening.start_s, end_s, rms, meters, pad_blocks(powers, CONFIGURATION.clip_s)))
        self.sample = samples if self.sample is None else self.sample

    def statistics(self) -> TrackStatistics:
        """The statistics of the whole track, with no layers.

        Raises:
            InvalidInput: a clip could not be read, no clip came, or the track is silent.
        """
        if self._fault is not None:
            raise self._fault
        if not self._clips:
            raise InvalidInput("no clip of the track came", reason="CLIPS_MISSING")
        starts, ends, rms, meters, blocks = zip(*self._clips, strict=True)
        whole = TrackStatistics(
            means=np.zeros((len(starts), 0, 0), np.float32),
            variances=np.zeros((len(starts), 0, 0), np.float32),
            starts_s=np.asarray(starts, np.float32),
            ends_s=np.asarray(ends, np.float32),
            rms=np.asarray(rms, np.float32),
            meters=np.stack(meters),
            blocks=np.concatenate(blocks),
        )
        check_sound(whole)
        return whole
