"""One track: its clips heard one by one, its statistics cached under everything that they depend on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.errors import DataLoss, InvalidInput, NotFound
from resonance.identity import current_owner, word_of
from resonance.keys import clip_key, track_key
from resonance.store import ObjectStore
from resonance.v1 import ingest_pb2
from resonance_extract.configuration import CONFIGURATION, track_digest
from resonance_extract.describing.meters import read_meters
from resonance_extract.ear import Ear
from resonance_extract.statistics import TrackStatistics

SILENCE_RMS = 1e-4


class TrackCache:
    """Statistics of tracks that were heard before. Everybody shares them, but for what somebody sent under a digest that nobody but they
    vouch for: that is theirs alone."""

    def __init__(self, store: ObjectStore, *, model_digest: str) -> None:
        self._store = store
        self._model_digest = model_digest

    async def find(self, track_sha256: str) -> TrackStatistics | None:
        """The track's statistics; None where it must be heard (again: damaged statistics are recomputed, not trusted)."""
        for word in dict.fromkeys(("", current_owner())):
            with suppress(NotFound, DataLoss):
                stored = await self._store.get(self._key(track_sha256, word))
                return TrackStatistics.from_bytes(stored.data)
        return None

    async def keep(self, track_sha256: str, statistics: TrackStatistics) -> None:
        """Stores the track's statistics."""
        await self._store.put(self._key(track_sha256, word_of()), statistics.to_bytes())

    async def find_clips(self, track_sha256: str, clip_count: int) -> list[TrackStatistics]:
        """The clips from the track's beginning that were heard before somebody broke off, each as a track of one clip."""
        clips: list[TrackStatistics] = []
        with suppress(NotFound, DataLoss):
            while len(clips) < clip_count:
                stored = await self._store.get(self._clip_key(track_sha256, len(clips)))
                clips.append(TrackStatistics.from_bytes(stored.data))
        return clips

    async def keep_clip(self, track_sha256: str, clip_index: int, clip: TrackStatistics) -> None:
        """Stores one clip, so that a crash costs no more than the clip in hand."""
        await self._store.put(self._clip_key(track_sha256, clip_index), clip.to_bytes())

    async def forget_clips(self, track_sha256: str, clip_count: int) -> None:
        """Removes the clips of a track that is heard to its end."""
        for clip_index in range(clip_count):
            await self._store.delete(self._clip_key(track_sha256, clip_index))

    def _key(self, track_sha256: str, word: str) -> str:
        return track_key(track_digest(self._model_digest, word + track_sha256))

    def _clip_key(self, track_sha256: str, clip_index: int) -> str:
        return clip_key(track_digest(self._model_digest, word_of() + track_sha256), clip_index)


@dataclass(slots=True)
class TrackListener:
    """Hears one track clip by clip. A clip that cannot be heard spoils its track, and only its track.

    `clips` begins with those that were heard before.
    """

    ear: Ear
    cache: TrackCache
    track_sha256: str
    clip_count: int
    clips: list[TrackStatistics]
    sample: NDArray[np.float32] | None = None  # the first clip heard, for whoever describes the playlist
    _fault: InvalidInput | None = None

    async def hear(self, opening: ingest_pb2.ClipOpening, samples: NDArray[np.float32]) -> None:
        """Takes in the next clip. One that is known already is passed over."""
        self._fault = self._fault or clip_fault(samples, self.ear.model.facts.sample_rate_hz)
        if self._fault is not None or opening.clip_index < len(self.clips):
            return
        rate = self.ear.model.facts.sample_rate_hz
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        samples = np.clip(samples, -1.0, 1.0)
        heard = await self.ear.clip(samples)
        clip = TrackStatistics(
            means=heard.mean.numpy()[None].astype(np.float32),
            starts_s=np.asarray([opening.start_s], np.float32),
            ends_s=np.asarray([opening.start_s + len(samples) / rate], np.float32),
            rms=np.asarray([rms], np.float32),
            meters=(await asyncio.to_thread(read_meters, samples, sample_rate_hz=rate))[None],
            variances=heard.variance.numpy()[None].astype(np.float32),
        )
        self.sample = samples if self.sample is None else self.sample
        await self.cache.keep_clip(self.track_sha256, len(self.clips), clip)
        self.clips.append(clip)

    @property
    def is_whole(self) -> bool:
        """Whether every clip that was announced has been heard."""
        return self._fault is None and len(self.clips) == self.clip_count

    def statistics(self) -> TrackStatistics:
        """What was heard.

        Raises:
            InvalidInput: a clip could not be heard or is missing, or there was nothing but silence.
        """
        if self._fault is not None:
            raise self._fault
        if len(self.clips) != self.clip_count:
            message = f"{self.clip_count} clips were announced and {len(self.clips)} came"
            raise InvalidInput(message, reason="CLIPS_MISSING")
        whole = TrackStatistics(
            means=np.concatenate([clip.means for clip in self.clips]),
            starts_s=np.concatenate([clip.starts_s for clip in self.clips]),
            ends_s=np.concatenate([clip.ends_s for clip in self.clips]),
            rms=np.concatenate([clip.rms for clip in self.clips]),
            meters=np.concatenate([clip.meters for clip in self.clips]),
            variances=_all_or_none([clip.variances for clip in self.clips]),
        )
        check_sound(whole)
        return whole


def clip_fault(samples: NDArray[np.float32], sample_rate_hz: int) -> InvalidInput | None:
    """What is wrong with a clip `[samples]`; None where it can be heard."""
    if not np.isfinite(samples).all():
        return InvalidInput("the clip has samples that are not finite numbers", reason="NOT_FINITE")
    if len(samples) < CONFIGURATION.clip_min_s * sample_rate_hz:
        return InvalidInput(f"a clip must last at least {CONFIGURATION.clip_min_s:g} s", reason="CLIP_TOO_SHORT")
    return None


def check_sound(track: TrackStatistics) -> None:
    """Raises InvalidInput where there is nothing but silence."""
    if track.rms.max() < SILENCE_RMS:
        raise InvalidInput("the track is silent: there is nothing to learn from it", reason="SILENT_TRACK")


def _all_or_none(parts: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """The parts as one, unless an older version heard some of them without."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
