"""Pipeline of one job: list, download, decode, extract.

Every step writes its progress into the job.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, NotFound, ResonanceError, Unavailable
from resonance.steering.track_ranges import is_chosen
from resonance.v1 import steering_pb2
from resonance_ingest.jobs.job import Fault, Job, JobState, JobTrack
from resonance_ingest.jobs.lease_writer import LeaseWriter
from resonance_ingest.pipeline.extractor import Extractor
from resonance_ingest.pipeline.preparation import PreparedTrack, Preparer
from resonance_ingest.sources import Playlist, Source, plain_title

# Progress after each step. Extraction is nearly all of the work.
_DOWNLOADED, _PREPARED, _EXTRACTED = 0.15, 0.3, 0.95


class _NotPrepared(Exception):
    """The extractor wants samples that this replica has not decoded."""

    def __init__(self, indices: frozenset[int]) -> None:
        super().__init__(indices)
        self.indices = indices


class Pipeline:
    """One attempt at one job."""

    def __init__(
        self,
        writer: LeaseWriter,
        source: Source,
        preparer: Preparer,
        extractor: Extractor,
        options: steering_pb2.TasteOptions,
    ) -> None:
        """Tracks of which `options` choose nothing are not fetched."""
        self._writer = writer
        self._source = source
        self._preparer = preparer
        self._extractor = extractor
        self._prepared: dict[int, PreparedTrack] = {}
        self._options = options
        self._clips_wanted = self._clips_done = 0

    async def run(self, *, tracks_max: int) -> None:
        """Ends with the job COMPLETED.

        Raises:
            ResonanceError: why there is no taste; Unavailable where another attempt may succeed.
        """
        await self._list(tracks_max)
        if not self._job.usable_tracks:
            raise _all_failed(self._job)
        self._check_chosen()
        await self._each_track(None, self._recall)
        await self._prepare(frozenset(track.index for track in self._tracks) - self._prepared.keys())
        while True:
            try:
                taste = await self._extract()
                break
            except _NotPrepared as missing:
                await self._prepare(missing.indices)
        await self._writer.now(partial(_completed, taste=taste))

    @property
    def _job(self) -> Job:
        return self._writer.job

    @property
    def _tracks(self) -> list[JobTrack]:
        """The chosen tracks that have not failed."""
        return [track for track in self._job.usable_tracks if is_chosen(self._options, track.index)]

    def _check_chosen(self) -> None:
        count = len(self._job.tracks)
        for place, stretch in enumerate(self._options.ranges):
            if stretch.track_index >= count and is_chosen(self._options, stretch.track_index):
                message = (
                    f"Range {place + 1} names track {stretch.track_index}; the playlist has {count}, counted from 0."
                )
                raise InvalidInput(message, reason="RANGE_OUTSIDE_PLAYLIST")

    async def _list(self, tracks_max: int) -> None:
        """Reads the source once: a job that another replica began keeps its tracks and their failures."""
        if self._job.tracks:
            return
        await self._writer.now(partial(Job.moved, state=JobState.DOWNLOADING))
        playlist = await self._source.playlist()
        tracks = playlist.tracks[:tracks_max]
        if not tracks:
            raise FailedPrecondition("There are no tracks behind this link.", reason="NO_TRACKS")
        notice = _build_notice(playlist, len(tracks))
        await self._writer.now(
            lambda job: job.moved(tracks=tracks, title=job.title or plain_title(playlist.title), notice=notice)
        )

    async def _each_track(
        self,
        state: JobState | None,
        step: Callable[[JobTrack], Awaitable[None]],
        indices: frozenset[int] | None = None,
        progress_after: float = 0.0,
    ) -> None:
        """Takes tracks through one step. A track that fails keeps the reason, and the others go on."""
        tracks = [track for track in self._tracks if indices is None or track.index in indices]
        progress_before = self._job.progress
        for number, track in enumerate(tracks, start=1):
            if state is not None:
                await self._writer.now(partial(_begun, index=track.index, state=state))
            try:
                await step(track)
            except ResonanceError as error:
                if not _is_fault_of_track(error):
                    raise
                await self._writer.now(partial(_failed, index=track.index, fault=Fault.of(error)))
            share = progress_before + (progress_after - progress_before) * number / len(tracks)
            self._writer.soon(partial(Job.moved, progress=share))
        if not self._tracks:
            raise _all_failed(self._job)

    async def _recall(self, track: JobTrack) -> None:
        if (known := await self._preparer.recall(track)) is not None:
            self._keep(known)

    async def _prepare(self, indices: frozenset[int]) -> None:
        await self._each_track(JobState.DOWNLOADING, self._preparer.fetch, indices, _DOWNLOADED)
        await self._each_track(JobState.PREPROCESSING, self._decode, indices, _PREPARED)

    async def _decode(self, track: JobTrack) -> None:
        self._prepared.pop(track.index, None)
        self._keep(await self._preparer.decode(track))

    def _keep(self, track: PreparedTrack) -> None:
        self._prepared[track.index] = track
        found = {"duration_s": track.sound.duration_s, "clips_total": len(track.clips), "sound": track.sound}
        self._writer.soon(lambda job: job.with_track(track.index, **found))

    async def _extract(self) -> dict[str, Any]:
        job = await self._writer.now(partial(_extracting, indices=[track.index for track in self._tracks]))
        tracks = [self._prepared[track.index] for track in self._tracks]
        return await self._extractor.extract(job, tracks, self)

    def on_plan(self, clips_known: Mapping[int, int]) -> None:
        """Counts the clips of the tracks that the extractor knows whole. Ends the call where it wants samples that are not here.

        Such a track is not completed yet: the extractor may still refuse it, as it did when it read the track first.
        """
        absent = frozenset(at for at in clips_known if self._prepared[at].path is None)
        if absent:
            raise _NotPrepared(absent)
        self._clips_wanted = sum(len(self._prepared[at].clips) for at in clips_known)
        self._clips_done = sum(clips_known.values())
        self._writer.soon(partial(_known_tracks, indices=[at for at in self._prepared if at not in clips_known]))

    def on_clip(self, track_index: int, clips_done: int) -> None:
        """Counts a clip in the track's and in the job's progress."""
        self._clips_done += 1
        share = min(1.0, self._clips_done / max(1, self._clips_wanted))
        progress = _PREPARED + (_EXTRACTED - _PREPARED) * share
        state = JobState.UPLOADING if share == 1.0 else JobState.EXTRACTING
        self._writer.soon(
            lambda job: job.with_track(track_index, clips_done=clips_done).moved(state=state, progress=progress)
        )

    def on_refusal(self, track_index: int, fault: Fault) -> None:
        """Fails one track."""
        self._writer.soon(partial(_failed, index=track_index, fault=fault))


def _build_notice(playlist: Playlist, taken: int) -> str:
    """A notice about the tracks of a long playlist that were left out - all but the first ones - and the source's own notice."""
    parts = [playlist.notice]
    if playlist.has_more or (playlist.track_count or 0) > taken:
        count = playlist.track_count or f"more than {taken}"
        parts.insert(0, f"The playlist has {count} tracks; the first {taken}, in its own order, were taken.")
    return " ".join(filter(None, parts))


def _is_fault_of_track(error: ResonanceError) -> bool:
    """True for a fault of the track. An error of this system ends the attempt and not the track."""
    return not isinstance(error, Unavailable | NotFound) and (
        not isinstance(error, DataLoss) or error.reason == "UPLOAD_DAMAGED"
    )


def _all_failed(job: Job) -> ResonanceError:
    faults = [track.error for track in job.tracks if track.error is not None]
    first = faults[0]
    if len(faults) == 1:
        return FailedPrecondition(first.message, reason=first.reason)
    message = f"None of the {len(faults)} tracks could be used. The first: {first.message}"
    return FailedPrecondition(message, reason="NO_USABLE_TRACKS")


def _begun(job: Job, index: int, state: JobState) -> Job:
    return job.moved(state=state).with_track(index, state=state)


def _failed(job: Job, index: int, fault: Fault) -> Job:
    return job.with_track(index, state=JobState.FAILED, error=fault)


def _extracting(job: Job, indices: list[int]) -> Job:
    for index in indices:
        job = job.with_track(index, state=JobState.EXTRACTING)
    return job.moved(state=JobState.EXTRACTING)


def _known_tracks(job: Job, indices: list[int]) -> Job:
    for index in indices:
        job = job.with_track(index, clips_done=job.tracks[index].clips_total)
    return job


def _completed_tracks(job: Job, indices: list[int]) -> Job:
    for index in indices:
        job = job.with_track(index, state=JobState.COMPLETED, clips_done=job.tracks[index].clips_total)
    return job


def _completed(job: Job, taste: dict[str, Any]) -> Job:
    job = _completed_tracks(job, [track.index for track in job.usable_tracks])
    return job.moved(state=JobState.COMPLETED, progress=1.0, taste=taste)
