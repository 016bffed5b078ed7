"""Track preparation: fetch, mono decoding, digest, clips.

The decoded rate is the model's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput
from resonance.steering.track_ranges import join_ranges, select_stretches
from resonance.v1 import steering_pb2
from resonance_ingest.jobs.job import JobTrack, Sound
from resonance_ingest.pipeline.clips import SAMPLE_BYTES, Clip, ClipShape, cut, cut_stretches
from resonance_ingest.pipeline.decode_cache import DecodeCache
from resonance_ingest.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrack:
    """A track whose clips are known, of its chosen stretches alone where the options choose.

    `path` is the file of its samples, as long as the job's folder exists. It is None where the decode cache knew the
    sound: the extractor may not need the samples.
    """

    index: int
    title: str
    sound: Sound
    clips: tuple[Clip, ...]
    path: Path | None = None


class Preparer:
    """Prepares the tracks of one source in one folder. `options` say which seconds of a track become clips."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        shape: ClipShape,
        limits: DecodeLimits,
        cache: DecodeCache,
        options: steering_pb2.TasteOptions,
        *,
        scratch: Path,
    ) -> None:
        """Decoded samples lie in `folder`, which activities of one job share; `scratch` is this activity's own."""
        self._source = source
        self._folder = folder
        self._scratch = scratch
        self._shape = shape
        self._limits = limits
        self._cache = cache
        self._options = options

    async def recall(self, track: JobTrack) -> PreparedTrack | None:
        """The track without decoding it, where it was decoded before: by an attempt at this job, or for another job."""
        if track.sound is not None and track.sound.sample_rate_hz == self._shape.sample_rate_hz:
            path = await asyncio.to_thread(self._kept_samples, track, track.sound)
            return self._prepared(track, track.sound, path)
        digest = self._source.digest(track)
        known = await self._cache.find(digest, self._shape.sample_rate_hz) if digest else None
        return self._prepared(track, known) if known else None

    async def fetch(self, track: JobTrack) -> None:
        """Gets the track's file. Raises what the source raises."""
        await self._source.fetch(track, self._source_path(track))

    async def decode(self, track: JobTrack) -> PreparedTrack:
        """Decodes the fetched file, which is removed: it is not needed again.

        Raises:
            InvalidInput, DeadlineExceeded: the file cannot be used; the message is for the user.
        """
        ranges = join_ranges(self._options, track.index)
        file, target = self._source_path(track), self._scratch / f"{track.index}.pcm"
        found = await decode_file(
            file,
            target,
            sample_rate_hz=self._shape.sample_rate_hz,
            limits=self._limits,
            name=track.title,
            ranges=ranges,
        )
        await asyncio.to_thread(file.unlink)
        sound = Sound(
            sample_count=found.sample_count,
            sample_rate_hz=found.sample_rate_hz,
            sha256=found.sha256,
            notice=found.notice,
            ranges=found.ranges,
            track_s=_track_s(found, ranges) if found.ranges else 0.0,
        )
        kept = await asyncio.to_thread(target.replace, self._samples_path(track))
        prepared = self._prepared(track, sound, kept)
        if (digest := self._source.digest(track)) and not sound.ranges:
            await self._cache.remember(digest, sound)
        return prepared

    def _kept_samples(self, track: JobTrack, sound: Sound) -> Path | None:
        """The samples that an earlier attempt of this process left, where they are whole."""
        path = self._samples_path(track)
        is_whole = path.is_file() and path.stat().st_size == sound.sample_count * SAMPLE_BYTES
        return path if is_whole else None

    def _prepared(self, track: JobTrack, sound: Sound, path: Path | None = None) -> PreparedTrack:
        clips = self._cut(track, sound)
        if not clips:
            message = f"The track is {sound.duration_s:.1f} s long; at least {self._shape.clip_min_s:g} s are needed."
            raise InvalidInput(message, reason="TOO_SHORT")
        return PreparedTrack(index=track.index, title=track.title, sound=sound, clips=clips, path=path)

    def _cut(self, track: JobTrack, sound: Sound) -> tuple[Clip, ...]:
        stretches = select_stretches(
            self._options,
            track.index,
            sample_count=round(sound.duration_s * sound.sample_rate_hz),
            sample_rate_hz=self._shape.sample_rate_hz,
            least_s=self._shape.clip_min_s,
        )
        return (
            cut_stretches(stretches, self._shape, sound.ranges) if stretches else cut(sound.sample_count, self._shape)
        )

    def _source_path(self, track: JobTrack) -> Path:
        return self._scratch / f"{track.index}.source"

    def _samples_path(self, track: JobTrack) -> Path:
        return self._folder / f"{track.index}.pcm"


def _track_s(found: DecodedFile, ranges: Sequence[tuple[float, float]]) -> float:
    """The length of a track of which `ranges` were decoded: the last sample where the track ends inside one, else what it announces."""
    end_s = found.ranges[-1][1] / found.sample_rate_hz
    has_ended = round(ranges[-1][1] * found.sample_rate_hz) > found.ranges[-1][1]
    return end_s if has_ended else max(end_s, found.announced_s)
