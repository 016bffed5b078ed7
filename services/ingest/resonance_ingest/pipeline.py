"""One job from its source to its taste: download, prepare, extract. Each step says where it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from resonance.audio.decode import DecodeLimits
from resonance.errors import DataLoss, FailedPrecondition, NotFound, ResonanceError, Unavailable
from resonance.settings import Settings
from resonance_ingest.clips import ClipShape
from resonance_ingest.extraction import ClipsHeard, Event, Extraction, Extractor, Planned, TrackRefused
from resonance_ingest.jobs import Fault, Job, JobState, JobTrack
from resonance_ingest.ledger import Ledger
from resonance_ingest.preparation import PreparedTrack, prepare
from resonance_ingest.sources import Source

# Where the bar stands when a step is done. Listening to clips is nearly all of the work.
_DOWNLOADED, _PREPARED, _HEARD = 0.15, 0.3, 0.95


class Pipeline:
    """One attempt at one job, in one folder of its own."""

    def __init__(
        self,
        ledger: Ledger,
        source: Source,
        extractor: Extractor,
        folder: Path,
        settings: Settings,
        on_prepared: Callable[[PreparedTrack], None],
    ) -> None:
        self._ledger = ledger
        self._source = source
        self._extractor = extractor
        self._folder = folder
        self._settings = settings
        self._on_prepared = on_prepared
        self._wanted_clips = self._heard_clips = 0

    async def run(self) -> None:
        """Ends with the job COMPLETED.

        Raises:
            ResonanceError: why there is no taste; Unavailable where another attempt may succeed.
        """
        await self._to(JobState.DOWNLOADING)
        shape = await self._extractor.shape()
        await self._list()
        await self._each_track(JobState.DOWNLOADING, _DOWNLOADED, self._fetch)
        prepared: list[PreparedTrack] = []

        async def prepare_one(track: JobTrack) -> None:
            prepared.append(await self._prepare(track, shape))

        await self._each_track(JobState.PREPROCESSING, _PREPARED, prepare_one)
        await self._extract(prepared)

    async def _to(self, state: JobState) -> Job:
        return await self._ledger.now(lambda job: job.moved(state=state))

    async def _list(self) -> None:
        """Reads the source once: a job that was taken over keeps the tracks, and the failures, that it has."""
        if self._ledger.job.tracks:
            return
        playlist = await self._source.playlist()
        tracks = tuple(
            JobTrack(index=index, title=track.title, locator=track.locator)
            for index, track in enumerate(playlist.tracks[: self._settings.tracks_max])
        )
        if not tracks:
            raise FailedPrecondition("There are no tracks behind this link.", reason="NO_TRACKS")
        await self._ledger.now(lambda job: job.moved(tracks=tracks, title=job.title or playlist.title[:200]))

    async def _each_track(
        self, state: JobState, progress_after: float, step: Callable[[JobTrack], Awaitable[None]]
    ) -> None:
        """Takes every usable track through one step. A track that fails says why and is left behind."""
        tracks, progress_before = self._ledger.job.usable_tracks, self._ledger.job.progress
        for number, track in enumerate(tracks, start=1):
            await self._ledger.now(partial(_begun, index=track.index, state=state))
            try:
                await step(track)
            except ResonanceError as error:
                if not _is_the_tracks_own(error):
                    raise
                await self._fail_track(track.index, Fault.of(error))
            share = progress_before + (progress_after - progress_before) * number / len(tracks)
            self._ledger.soon(partial(Job.moved, progress=share))
        if not self._ledger.job.usable_tracks:
            raise _all_failed(self._ledger.job)

    async def _fetch(self, track: JobTrack) -> None:
        await self._source.fetch(track, self._folder / f"{track.index}.source")

    async def _prepare(self, track: JobTrack, shape: ClipShape) -> PreparedTrack:
        prepared = await prepare(
            track.index,
            track.title,
            self._folder / f"{track.index}.source",
            self._folder / f"{track.index}.pcm",
            shape=shape,
            limits=DecodeLimits.of(self._settings),
        )
        found = {"duration_s": prepared.sound.duration_s, "clips_total": len(prepared.clips)}
        self._ledger.soon(lambda job: job.with_track(track.index, **found))
        self._on_prepared(prepared)
        return prepared

    async def _extract(self, tracks: list[PreparedTrack]) -> None:
        job = await self._ledger.now(_extracting)
        self._prepared = {track.index: track for track in tracks}
        extraction = Extraction(taste_id=job.job_id, title=job.title, options=job.options, tracks=tracks)
        taste = await self._extractor.extract(extraction, self._hear)
        await self._ledger.now(lambda job: _completed(job, taste))

    def _hear(self, event: Event) -> None:
        if isinstance(event, Planned):
            self._wanted_clips = sum(len(self._prepared[at].clips) for at in event.track_indices)
            cached = [at for at in self._prepared if at not in event.track_indices]
            self._ledger.soon(lambda job: _heard_whole(job, cached))
        elif isinstance(event, ClipsHeard):
            self._heard_clips += 1
            self._ledger.soon(self._clips_heard(event))
        elif isinstance(event, TrackRefused):
            self._ledger.soon(lambda job: job.with_track(event.track_index, state=JobState.FAILED, error=event.fault))

    def _clips_heard(self, event: ClipsHeard) -> Callable[[Job], Job]:
        share = min(1.0, self._heard_clips / max(1, self._wanted_clips))
        progress = _PREPARED + (_HEARD - _PREPARED) * share
        state = JobState.UPLOADING if share == 1.0 else JobState.EXTRACTING
        return lambda job: job.with_track(event.track_index, clips_done=event.clips_done).moved(
            state=state, progress=progress
        )

    async def _fail_track(self, index: int, fault: Fault) -> None:
        await self._ledger.now(lambda job: job.with_track(index, state=JobState.FAILED, error=fault))


def _is_the_tracks_own(error: ResonanceError) -> bool:
    """Whether the error speaks of the track. What speaks of this system ends the attempt, not the track."""
    return not isinstance(error, Unavailable | NotFound) and (
        not isinstance(error, DataLoss) or error.reason == "UPLOAD_DAMAGED"
    )


def _all_failed(job: Job) -> ResonanceError:
    first = next(track.error for track in job.tracks if track.error is not None)
    if len(job.tracks) == 1:
        return FailedPrecondition(first.message, reason=first.reason)
    message = f"None of the {len(job.tracks)} tracks could be used. The first: {first.message}"
    return FailedPrecondition(message, reason="NO_USABLE_TRACKS")


def _begun(job: Job, index: int, state: JobState) -> Job:
    return job.moved(state=state).with_track(index, state=state)


def _extracting(job: Job) -> Job:
    for track in job.usable_tracks:
        job = job.with_track(track.index, state=JobState.EXTRACTING)
    return job.moved(state=JobState.EXTRACTING)


def _heard_whole(job: Job, indices: list[int]) -> Job:
    for index in indices:
        job = job.with_track(index, state=JobState.COMPLETED, clips_done=job.tracks[index].clips_total)
    return job


def _completed(job: Job, taste: dict[str, object]) -> Job:
    job = _heard_whole(job, [track.index for track in job.usable_tracks])
    return job.moved(state=JobState.COMPLETED, progress=1.0, taste=taste)
