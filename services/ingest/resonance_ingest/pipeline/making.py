"""Steps of the making of a taste, each of which may be repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from google.protobuf.json_format import ParseDict

from resonance.audio.decode import DecodeLimits
from resonance.errors import FailedPrecondition, InvalidInput, NotFound, ResonanceError, Unavailable
from resonance.settings import Settings
from resonance.steering.track_ranges import is_chosen
from resonance.store import ObjectStore
from resonance.v1 import steering_pb2
from resonance.workspace import Workspace
from resonance_ingest.jobs.job import Fault, Job, JobState, JobTrack
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.jobs.job_writer import Change, JobWriter, Report
from resonance_ingest.pipeline.decode_cache import DecodeCache
from resonance_ingest.pipeline.extraction import PlaylistExtraction
from resonance_ingest.pipeline.extractor import Extractor
from resonance_ingest.pipeline.folders import JobFolders
from resonance_ingest.pipeline.preparation import PreparedTrack, Preparer
from resonance_ingest.pipeline.track_changes import (
    all_failed,
    begin_track,
    fail_track,
    is_fault_of_track,
    keep_track,
)
from resonance_ingest.sources import Playlist, Source, plain_title
from resonance_ingest.sources.kept_downloads import KeptDownloads, remove_downloads
from resonance_ingest.sources.links import LinkSource
from resonance_ingest.sources.list_cache import ListCache
from resonance_ingest.sources.site_limits import SiteLimits
from resonance_ingest.sources.uploads import UploadSource, remove_uploads

_STOPS_WITHIN_S = 5.0
_log = structlog.get_logger("ingest")


class TasteMaking:
    """The steps. Each begins with what is stored, does what is missing, and writes it into the job.

    `list_tracks`, `prepare` and `extract` raise JobStopped where the job has ended, or another activity has taken the step over.
    """

    def __init__(
        self, jobs: JobStore, store: ObjectStore, extractor: Extractor, workspace: Workspace, settings: Settings
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._extractor = extractor
        self._settings = settings
        self._sites = SiteLimits(settings.site_downloads_max)
        self.folders = JobFolders(workspace, self._has_ended)

    async def list_tracks(self, job_id: str, report: Report = lambda _: None) -> list[int]:
        """Lists the playlist, and returns the chosen tracks whose sound is not known yet.

        Raises:
            FailedPrecondition, DeadlineExceeded, InvalidInput: there is no playlist, or no track of it can be used.
        """
        writer = JobWriter(self._jobs, job_id, "list", report=report)
        missing: list[int] = []

        async def work(folder: Path) -> None:
            options, source = self._read_options(writer.job), self._open_source(writer.job, folder)
            if not writer.job.tracks:
                await self._list(writer, source)
            if not writer.job.usable_tracks:
                raise all_failed(writer.job)
            _check_chosen(writer.job, options)
            preparer = await self._open_preparer(source, folder, folder, options)
            for track in _chosen(writer.job, options):
                known = await self._recall(writer, preparer, track)
                if known is not None:
                    writer.soon(partial(keep_track, track=known, options=options))
                elif writer.job.tracks[track.index].state != JobState.FAILED:
                    missing.append(track.index)
            await writer.now(lambda job: job)

        await self._run(writer, work)
        return missing

    async def prepare(self, job_id: str, index: int, report: Report = lambda _: None) -> None:
        """Fetches and decodes one track. A fault of the track is written into it, and ends the step."""
        writer = JobWriter(self._jobs, job_id, str(index), report=report)

        async def work(folder: Path) -> None:
            options = self._read_options(writer.job)
            with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
                source = self._open_source(writer.job, Path(scratch))
                preparer = await self._open_preparer(source, folder, Path(scratch), options)
                prepared = await self._prepare(writer, preparer, index)
                if prepared is None:
                    return
                if self.folders.is_full and prepared.path is not None:
                    prepared.path.unlink()
                await writer.now(partial(keep_track, track=prepared, options=options))

        await self._run(writer, work, begin=partial(begin_track, index=index, state=JobState.DOWNLOADING))

    async def extract(self, job_id: str, report: Report = lambda _: None) -> None:
        """Streams the clips that the extractor wants. The job is then COMPLETED, with its taste.

        Tracks whose samples are not on this disk, and are wanted, are prepared here.

        Raises:
            ResonanceError: why there is no taste; Unavailable where another try may succeed.
        """
        writer = JobWriter(self._jobs, job_id, "extraction", report=report)

        async def work(folder: Path) -> None:
            options = self._read_options(writer.job)
            with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
                source = self._open_source(writer.job, Path(scratch))
                preparer = await self._open_preparer(source, folder, Path(scratch), options)
                extraction = PlaylistExtraction(writer, self._extractor)
                while True:
                    tracks: list[PreparedTrack] = []
                    for track in _chosen(writer.job, options):
                        is_wanted = track.index in extraction.absent
                        known = None if is_wanted else await self._recall(writer, preparer, track)
                        found = known or await self._prepare(writer, preparer, track.index)
                        if found is not None:
                            writer.soon(partial(keep_track, track=found, options=options))
                            tracks.append(found)
                    if not tracks:
                        raise all_failed(await writer.now(lambda job: job))
                    if await extraction.run(tracks):
                        break
            with suppress(ResonanceError):  # the workflow has it done once more, until it succeeds
                await self._remove_objects(job_id)

        await self._run(writer, work)
        await self.folders.remove(job_id)

    async def fail(self, job_id: str, fault: Fault) -> None:
        """Writes down that the job failed, where it is not final."""
        _log.info("failed", job=job_id, reason=fault.reason, why=fault.message)
        with suppress(NotFound):
            await self._jobs.change(job_id, lambda job: job.moved(state=JobState.FAILED, error=fault))

    async def cancel(self, job_id: str) -> None:
        """Writes down that the job was cancelled, where an operator did it through the engine, and removes its files."""
        with suppress(NotFound):
            await self._jobs.change(job_id, lambda job: job.moved(state=JobState.CANCELLED))
        await self.clean_up(job_id)

    async def stop(self, job_id: str) -> bool:
        """Ends the activities of a job in this process at once, and removes what they kept. True where there was one."""
        return await self.folders.stop(job_id, within_s=_STOPS_WITHIN_S)

    async def clean_up(self, job_id: str) -> None:
        """Removes the files of a job that has ended, and the taste of one that was cancelled too late.

        The uploads of a job that can be retried are kept; the sweep removes them after a day.
        """
        await self._remove_objects(job_id)
        if await self._has_ended(job_id):
            await self.folders.remove(job_id)

    async def _remove_objects(self, job_id: str) -> None:
        job = await self._jobs.find(job_id)
        if job is not None and not job.state.is_final:
            return
        if job is not None and not job.can_be_retried:
            await remove_uploads(self._store, job)
        await remove_downloads(self._store, job_id)
        if job is None or job.state == JobState.CANCELLED:
            await self._extractor.delete_taste(job_id)

    async def _run(
        self, writer: JobWriter, work: Callable[[Path], Awaitable[None]], *, begin: Change = lambda job: job
    ) -> None:
        job = await writer.begin(begin)
        try:
            async with self.folders.open(job.job_id) as folder:
                await writer.run(work(folder))
        except BaseException:
            with suppress(ResonanceError):  # the folders are looked after every half minute
                if await self._has_ended(job.job_id):  # elsewhere, while this process was paused or cut off
                    await self.folders.remove(job.job_id)
            raise

    async def _list(self, writer: JobWriter, source: Source) -> None:
        await writer.now(lambda job: job.moved(state=JobState.DOWNLOADING))
        playlist = await source.playlist()
        tracks = playlist.tracks[: self._settings.tracks_max]
        if not tracks:
            raise FailedPrecondition("There are no tracks behind this link.", reason="NO_TRACKS")
        notice = _build_notice(playlist, len(tracks))
        await writer.now(
            lambda job: job.moved(tracks=tracks, title=job.title or plain_title(playlist.title), notice=notice)
        )

    async def _recall(self, writer: JobWriter, preparer: Preparer, track: JobTrack) -> PreparedTrack | None:
        """The track where its sound is known; None where it is not, or where the known sound cannot be used."""
        try:
            return await preparer.recall(track)
        except ResonanceError as error:
            if not is_fault_of_track(error):
                raise
            await writer.now(partial(fail_track, index=track.index, fault=Fault.of(error)))
            return None

    async def _prepare(self, writer: JobWriter, preparer: Preparer, index: int) -> PreparedTrack | None:
        """The track with its samples on this disk; None where it has a fault, which is in the job then."""
        track = writer.job.tracks[index]
        if track.state == JobState.FAILED:
            return None
        try:
            await writer.now(partial(begin_track, index=index, state=JobState.DOWNLOADING))
            await preparer.fetch(track)
            await writer.now(partial(begin_track, index=index, state=JobState.PREPROCESSING))
            return await preparer.decode(track)
        except ResonanceError as error:
            if not is_fault_of_track(error):
                raise
            await writer.now(partial(fail_track, index=index, fault=Fault.of(error)))
            return None

    async def _open_preparer(
        self, source: Source, folder: Path, scratch: Path, options: steering_pb2.TasteOptions
    ) -> Preparer:
        """Raises Unavailable where the extractor, which says what clips it needs, is away."""
        limits, known = DecodeLimits.of(self._settings), DecodeCache(self._store)
        return Preparer(source, folder, await self._extractor.shape(), limits, known, options, scratch=scratch)

    def _open_source(self, job: Job, folder: Path) -> Source:
        if job.uploads:
            return UploadSource(self._store, job)
        lists = ListCache(self._store, keep_s=self._settings.list_cache_s, now_ms=self._jobs.now_ms)
        link = LinkSource(job.source_url, folder, self._settings, lists, self._sites, self._read_options(job))
        return KeptDownloads(link, self._store, job.job_id)

    def _read_options(self, job: Job) -> steering_pb2.TasteOptions:
        return ParseDict(job.options, steering_pb2.TasteOptions())

    async def _has_ended(self, job_id: str) -> bool:
        with suppress(Unavailable):
            job = await self._jobs.find_readable(job_id)
            return job is None or job.state.is_final
        return False


def _chosen(job: Job, options: steering_pb2.TasteOptions) -> list[JobTrack]:
    """The chosen tracks that have not failed."""
    return [track for track in job.usable_tracks if is_chosen(options, track.index)]


def _check_chosen(job: Job, options: steering_pb2.TasteOptions) -> None:
    count = len(job.tracks)
    for place, stretch in enumerate(options.ranges):
        if stretch.track_index >= count and is_chosen(options, stretch.track_index):
            message = f"Range {place + 1} names track {stretch.track_index}; the playlist has {count}, counted from 0."
            raise InvalidInput(message, reason="RANGE_OUTSIDE_PLAYLIST")


def _build_notice(playlist: Playlist, taken: int) -> str:
    """A notice about the tracks of a long playlist that were left out - all but the first ones - and the source's own notice."""
    parts = [playlist.notice]
    if playlist.has_more or (playlist.track_count or 0) > taken:
        count = playlist.track_count or f"more than {taken}"
        parts.insert(0, f"The playlist has {count} tracks; the first {taken}, in its own order, were taken.")
    return " ".join(filter(None, parts))
