"""From a source's track to a prepared one: fetched, decoded to mono at the model's rate, digested, and cut into clips."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.errors import InvalidInput
from resonance.steering.track_ranges import select_stretches
from resonance.v1 import steering_pb2
from resonance_ingest.jobs.job import JobTrack, Sound
from resonance_ingest.pipeline.clips import SAMPLE_BYTES, Clip, ClipShape, cut, cut_stretches
from resonance_ingest.pipeline.decode_cache import DecodeCache, DecodedSound
from resonance_ingest.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrack:
    """A track whose clips are known, of its chosen stretches alone where the options choose.

    `path` holds its samples for as long as the job's folder exists.

    `path` is None where the same file was decoded for an earlier job: its samples are not here, and perhaps not needed.
    """

    index: int
    title: str
    sample_rate_hz: int
    sample_count: int
    sha256: str
    clips: tuple[Clip, ...]
    path: Path | None = None

    @property
    def sound(self) -> Sound:
        """What the job's document remembers of it."""
        return Sound(sample_count=self.sample_count, sample_rate_hz=self.sample_rate_hz, sha256=self.sha256)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.sample_count / self.sample_rate_hz


class Preparer:
    """Prepares the tracks of one source in one folder. `options` say which seconds of a track become clips."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        shape: ClipShape,
        limits: DecodeLimits,
        known: DecodeCache,
        options: steering_pb2.TasteOptions,
    ) -> None:
        self._source = source
        self._folder = folder
        self._shape = shape
        self._limits = limits
        self._known = known
        self._options = options

    async def recall(self, track: JobTrack) -> PreparedTrack | None:
        """The track without its samples, where it was decoded before: for this job, or the same file for another."""
        if track.sound is not None and track.sound.sample_rate_hz == self._shape.sample_rate_hz:
            sound = DecodedSound(sample_count=track.sound.sample_count, sha256=track.sound.sha256)
            return self._prepared(track, sound, await asyncio.to_thread(self._still_here, track, sound))
        digest = self._source.digest(track)
        known = await self._known.find(digest, self._shape.sample_rate_hz) if digest else None
        return self._prepared(track, known) if known else None

    async def fetch(self, track: JobTrack) -> None:
        """Gets the track's file. Raises what the source raises."""
        await self._source.fetch(track, self._file_of(track))

    async def decode(self, track: JobTrack) -> PreparedTrack:
        """Decodes the fetched file, which is removed: it is not needed again.

        Raises:
            InvalidInput, DeadlineExceeded: the file cannot be used; the sentence is for the track's listener.
        """
        file, target = self._file_of(track), self._folder / f"{track.index}.pcm"
        found = await decode_file(file, target, sample_rate_hz=self._shape.sample_rate_hz, limits=self._limits)
        await asyncio.to_thread(file.unlink)
        sound = DecodedSound(sample_count=found.sample_count, sha256=found.sha256)
        prepared = self._prepared(track, sound, target)
        if digest := self._source.digest(track):
            await self._known.remember(digest, self._shape.sample_rate_hz, sound)
        return prepared

    def _still_here(self, track: JobTrack, sound: DecodedSound) -> Path | None:
        """The samples that an earlier attempt of this process left, where they are whole."""
        path = self._folder / f"{track.index}.pcm"
        is_whole = path.is_file() and path.stat().st_size == sound.sample_count * SAMPLE_BYTES
        return path if is_whole else None

    def _prepared(self, track: JobTrack, sound: DecodedSound, path: Path | None = None) -> PreparedTrack:
        clips = self._clips_of(track, sound)
        if not clips:
            found_s, least_s = sound.sample_count / self._shape.sample_rate_hz, self._shape.clip_min_s
            message = f"The track is {found_s:.1f} s long; at least {least_s:g} s are needed."
            raise InvalidInput(message, reason="TOO_SHORT")
        return PreparedTrack(
            index=track.index,
            title=track.title,
            sample_rate_hz=self._shape.sample_rate_hz,
            sample_count=sound.sample_count,
            sha256=sound.sha256,
            clips=clips,
            path=path,
        )

    def _clips_of(self, track: JobTrack, sound: DecodedSound) -> tuple[Clip, ...]:
        stretches = select_stretches(
            self._options,
            track.index,
            sample_count=sound.sample_count,
            sample_rate_hz=self._shape.sample_rate_hz,
            least_s=self._shape.clip_min_s,
        )
        return cut_stretches(stretches, self._shape) if stretches else cut(sound.sample_count, self._shape)

    def _file_of(self, track: JobTrack) -> Path:
        return self._folder / f"{track.index}.source"
