"""Tracks of an extraction: clip reading and cached statistics.

The statistics are cached by all that they depend on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.audio.level import SILENCE_LUFS
from resonance.audio.loudness import block_powers
from resonance.errors import DataLoss, InvalidInput, NotFound
from resonance.identity import current_owner, trust_scope
from resonance.ids import canonical_digest
from resonance.steering.track_ranges import Stretch, is_chosen, select_stretches
from resonance.store import ObjectStore
from resonance.store.keys import clip_key, track_key
from resonance.v1 import extract_pb2, ingest_pb2, steering_pb2
from resonance_extract.activations.audio_features import read_meters
from resonance_extract.activations.configuration import CONFIGURATION, track_digest
from resonance_extract.activations.rests import without_rests
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.statistics import TrackStatistics, pad_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedTrack:
    """A track as an extraction announces it. `stretches` are the parts that are read; empty means the whole track."""

    index: int
    title: str
    sha256: str
    duration_s: float
    clip_count: int
    sample_rate_hz: int
    stretches: tuple[Stretch, ...] = ()

    @property
    def sound_id(self) -> str:
        """The id by which its statistics are cached: the track's digest, with chosen stretches a digest of both."""
        return derive_sound_id(self.sha256, self.stretches)

    def to_taste(self, clip_weights: NDArray[np.float64], *, from_cache: bool) -> steering_pb2.TasteTrack:
        """The track's entry in a taste."""
        rate = self.sample_rate_hz
        chosen_s = sum(one.end - one.start for one in self.stretches) / rate
        return steering_pb2.TasteTrack(
            title=self.title,
            sha256=self.sha256,
            clip_count=len(clip_weights),
            duration_s=chosen_s or self.duration_s,
            from_cache=from_cache,
            clip_weights=clip_weights.tolist(),
            ranges=[
                steering_pb2.TrackRange(track_index=self.index, start_s=one.start / rate, end_s=one.end / rate)
                for one in self.stretches
            ],
        )


def parse_tracks(start: extract_pb2.ExtractionStart, sample_rate_hz: int) -> list[AnnouncedTrack]:
    """The tracks to read, each with its chosen stretches.

    Raises:
        InvalidInput: no track is chosen (NOTHING_SELECTED), or a range cannot be read.
    """
    tracks = [
        AnnouncedTrack(
            index=track.index,
            title=track.title,
            sha256=track.sha256,
            duration_s=track.duration_s,
            clip_count=track.clip_count,
            sample_rate_hz=sample_rate_hz,
            stretches=select_stretches(
                start.options,
                track.index,
                sample_count=round(track.duration_s * sample_rate_hz),
                sample_rate_hz=sample_rate_hz,
                least_s=CONFIGURATION.clip_min_s,
            ),
        )
        for track in start.tracks
        if is_chosen(start.options, track.index)
    ]
    if not tracks:
        raise InvalidInput("the chosen ranges name no track that could be prepared", reason="NOTHING_SELECTED")
    return tracks


def derive_sound_id(track_sha256: str, stretches: Sequence[Stretch]) -> str:
    """The id of a track's sound, or of chosen stretches of it."""
    if not stretches:
        return track_sha256
    return canonical_digest(["stretches", track_sha256, [[one.start, one.end] for one in stretches]])


def parse_sound_id(track: steering_pb2.TasteTrack, sample_rate_hz: int) -> str:
    """The id of the sound that a stored taste has of a track."""
    stretches = [
        Stretch(start=round(one.start_s * sample_rate_hz), end=round(one.end_s * sample_rate_hz))
        for one in track.ranges
    ]
    return derive_sound_id(track.sha256, stretches)


class TrackCache:
    """Statistics of tracks, or of chosen stretches of them, by their sound ids.

    All owners share them. Statistics of sound that an owner sent under a digest that only they vouch for are kept for that owner alone.
    """

    def __init__(self, store: ObjectStore, *, model_digest: str) -> None:
        self._store = store
        self._model_digest = model_digest

    async def find(self, sound_id: str) -> TrackStatistics | None:
        """The track's statistics; None where it must be read. Damaged statistics are computed again."""
        for scope in dict.fromkeys(("", current_owner())):
            with suppress(NotFound, DataLoss):
                stored = await self._store.get(self._key(sound_id, scope))
                return TrackStatistics.from_bytes(stored.data)
        return None

    async def keep(self, sound_id: str, statistics: TrackStatistics) -> None:
        """Stores the track's statistics."""
        await self._store.put(self._key(sound_id, trust_scope()), statistics.to_bytes())

    async def find_clips(self, sound_id: str, clip_count: int) -> list[TrackStatistics]:
        """The clips from the track's beginning that an interrupted call read, each as a track of one clip."""
        clips: list[TrackStatistics] = []
        with suppress(NotFound, DataLoss):
            while len(clips) < clip_count:
                stored = await self._store.get(self._clip_key(sound_id, len(clips)))
                clips.append(TrackStatistics.from_bytes(stored.data))
        return clips

    async def keep_clip(self, sound_id: str, clip_index: int, clip: TrackStatistics) -> None:
        """Stores one clip, so that a crash loses at most the clip in hand."""
        await self._store.put(self._clip_key(sound_id, clip_index), clip.to_bytes())

    async def forget_clips(self, sound_id: str, clip_count: int) -> None:
        """Removes the clips of a track that was read to its end."""
        for clip_index in range(clip_count):
            await self._store.delete(self._clip_key(sound_id, clip_index))

    def _key(self, sound_id: str, scope: str) -> str:
        return track_key(track_digest(self._model_digest, scope + sound_id))

    def _clip_key(self, sound_id: str, clip_index: int) -> str:
        return clip_key(track_digest(self._model_digest, trust_scope() + sound_id), clip_index)


@dataclass(slots=True)
class TrackReader:
    """Reads one track clip by clip. A clip that cannot be read makes its track unusable, and no other track.

    `clips` begins with those that were read before. `sample` is the first clip read, for the describer.
    """

    worker: ActivationWorker
    cache: TrackCache
    track: AnnouncedTrack
    clips: list[TrackStatistics]
    sample: NDArray[np.float32] | None = None
    _fault: InvalidInput | None = None

    async def read(self, opening: ingest_pb2.ClipOpening, samples: NDArray[np.float32]) -> None:
        """Reads the next clip. A clip that is known already is skipped."""
        self._fault = (
            self._fault
            or clip_fault(samples, self.track.sample_rate_hz)
            or self._find_outside(opening)
            or self._find_gap(opening)
        )
        if self._fault is not None or opening.clip_index < len(self.clips):
            return
        rate = self.worker.model.description.sample_rate_hz
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        samples = np.clip(samples, -1.0, 1.0)
        powers = await asyncio.to_thread(block_powers, samples, rate)
        stats = await self.worker.read_clip(without_rests(samples, powers, rate))
        clip = TrackStatistics(
            means=stats.mean.numpy()[None].astype(np.float32),
            starts_s=np.asarray([opening.start_s], np.float32),
            ends_s=np.asarray([opening.start_s + len(samples) / rate], np.float32),
            rms=np.asarray([rms], np.float32),
            meters=(await asyncio.to_thread(read_meters, samples, sample_rate_hz=rate))[None],
            variances=stats.variance.numpy()[None].astype(np.float32),
            blocks=pad_blocks(powers, CONFIGURATION.clip_s),
        )
        self.sample = samples if self.sample is None else self.sample
        await self.cache.keep_clip(self.track.sound_id, len(self.clips), clip)
        self.clips.append(clip)

    @property
    def is_whole(self) -> bool:
        """True where every announced clip was read."""
        return self._fault is None and len(self.clips) == self.track.clip_count

    def statistics(self) -> TrackStatistics:
        """The statistics of the whole track.

        Raises:
            InvalidInput: a clip could not be read or is missing, or the track is silent.
        """
        if self._fault is not None:
            raise self._fault
        if len(self.clips) != self.track.clip_count:
            message = f"{self.track.clip_count} clips were announced and {len(self.clips)} came"
            raise InvalidInput(message, reason="CLIPS_MISSING")
        whole = TrackStatistics(
            means=np.concatenate([clip.means for clip in self.clips]),
            starts_s=np.concatenate([clip.starts_s for clip in self.clips]),
            ends_s=np.concatenate([clip.ends_s for clip in self.clips]),
            rms=np.concatenate([clip.rms for clip in self.clips]),
            meters=np.concatenate([clip.meters for clip in self.clips]),
            variances=np.concatenate([clip.variances for clip in self.clips]),
            blocks=np.concatenate([clip.blocks for clip in self.clips]),
        )
        check_sound(whole)
        return whole

    def _find_outside(self, opening: ingest_pb2.ClipOpening) -> InvalidInput | None:
        start = round(opening.start_s * self.worker.model.description.sample_rate_hz)
        end = start + opening.sample_count
        if not self.track.stretches or any(one.start <= start and end <= one.end for one in self.track.stretches):
            return None
        return InvalidInput("a clip reaches out of the chosen ranges", reason="CLIP_OUTSIDE_RANGES")

    def _find_gap(self, opening: ingest_pb2.ClipOpening) -> InvalidInput | None:
        """The fault of a clip that leaves a gap: clips are stored by their place."""
        if opening.clip_index <= len(self.clips):
            return None
        return InvalidInput(
            f"clip {opening.clip_index} came before clip {len(self.clips)}: a track's clips come in their order",
            reason="CLIPS_MISSING",
        )


def clip_fault(samples: NDArray[np.float32], sample_rate_hz: int) -> InvalidInput | None:
    """The fault of a clip `[samples]`; None where it can be read."""
    if not np.isfinite(samples).all():
        return InvalidInput("the clip has samples that are not finite numbers", reason="NOT_FINITE")
    if len(samples) < CONFIGURATION.clip_min_s * sample_rate_hz:
        return InvalidInput(f"a clip must last at least {CONFIGURATION.clip_min_s:g} s", reason="CLIP_TOO_SHORT")
    return None


def check_sound(track: TrackStatistics) -> None:
    """Raises InvalidInput where the track is silent."""
    if track.loudness_lufs < SILENCE_LUFS:
        raise InvalidInput("the track is silent: there is nothing to learn from it", reason="SILENT_TRACK")
