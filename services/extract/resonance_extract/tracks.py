"""One track: its clips heard one by one, its statistics cached under everything that they depend on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from resonance.errors import DataLoss, InvalidInput, NotFound
from resonance.keys import track_key
from resonance.store import ObjectStore
from resonance.v1 import ingest_pb2
from resonance_extract.configuration import CONFIGURATION, track_digest
from resonance_extract.describing.meters import read_meters
from resonance_extract.ear import Ear
from resonance_extract.statistics import TrackStatistics
from resonance_model.listening import Heard

SILENCE_RMS = 1e-4


class TrackCache:
    """Statistics of tracks that were heard before."""

    def __init__(self, store: ObjectStore, *, model_digest: str) -> None:
        self._store = store
        self._model_digest = model_digest

    async def find(self, track_sha256: str) -> TrackStatistics | None:
        """The track's statistics; None where it must be heard (again: damaged statistics are recomputed, not trusted)."""
        try:
            stored = await self._store.get(self._key(track_sha256))
            return TrackStatistics.from_bytes(stored.data)
        except (NotFound, DataLoss):
            return None

    async def keep(self, track_sha256: str, statistics: TrackStatistics) -> None:
        """Stores the track's statistics."""
        await self._store.put(self._key(track_sha256), statistics.to_bytes())

    def _key(self, track_sha256: str) -> str:
        return track_key(track_digest(self._model_digest, track_sha256))


@dataclass(slots=True)
class TrackListener:
    """Hears one track clip by clip. A clip that cannot be heard spoils its track, and only its track."""

    ear: Ear
    clip_count: int
    sample: NDArray[np.float32] | None = None  # the first clip, for whoever describes the playlist
    _heard: list[Heard] = field(default_factory=list)
    _meters: list[NDArray[np.float32]] = field(default_factory=list)
    _clips: list[tuple[float, float, float]] = field(default_factory=list)
    _fault: InvalidInput | None = None

    async def hear(self, opening: ingest_pb2.ClipOpening, samples: NDArray[np.float32]) -> None:
        """Takes in the next clip."""
        self._fault = self._fault or self._fault_of(samples)
        if self._fault is not None:
            return
        rate = self.ear.model.facts.sample_rate_hz
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        samples = np.clip(samples, -1.0, 1.0)
        self._heard.append(await self.ear.clip(samples))
        self._meters.append(await asyncio.to_thread(read_meters, samples, sample_rate_hz=rate))
        self.sample = samples if self.sample is None else self.sample
        self._clips.append((opening.start_s, opening.start_s + len(samples) / rate, rms))

    def statistics(self) -> TrackStatistics:
        """What was heard.

        Raises:
            InvalidInput: a clip could not be heard or is missing, or there was nothing but silence.
        """
        if self._fault is not None:
            raise self._fault
        if len(self._clips) != self.clip_count:
            message = f"{self.clip_count} clips were announced and {len(self._clips)} came"
            raise InvalidInput(message, reason="CLIPS_MISSING")
        clips = np.asarray(self._clips, dtype=np.float32)
        if clips[:, 2].max() < SILENCE_RMS:
            raise InvalidInput("the track is silent: there is nothing to learn from it", reason="SILENT_TRACK")
        return TrackStatistics(
            means=np.stack([heard.mean.numpy() for heard in self._heard]).astype(np.float32),
            starts_s=clips[:, 0],
            ends_s=clips[:, 1],
            rms=clips[:, 2],
            meters=np.stack(self._meters),
        )

    def _fault_of(self, samples: NDArray[np.float32]) -> InvalidInput | None:
        if not np.isfinite(samples).all():
            return InvalidInput("the clip has samples that are not finite numbers", reason="NOT_FINITE")
        if len(samples) < CONFIGURATION.clip_min_s * self.ear.model.facts.sample_rate_hz:
            return InvalidInput(f"a clip must last at least {CONFIGURATION.clip_min_s:g} s", reason="CLIP_TOO_SHORT")
        return None
