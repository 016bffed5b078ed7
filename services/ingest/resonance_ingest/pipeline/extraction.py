"""Extraction of one playlist: its events become the job's progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from resonance_ingest.jobs.job import Fault, JobState
from resonance_ingest.jobs.job_writer import JobWriter
from resonance_ingest.pipeline.extractor import Extractor
from resonance_ingest.pipeline.preparation import PreparedTrack
from resonance_ingest.pipeline.track_changes import (
    EXTRACTED,
    PREPARED,
    begin_extraction,
    complete,
    fail_track,
    keep_known_tracks,
)


class _NotPrepared(Exception):
    """The extractor wants samples that are not on this disk."""


class PlaylistExtraction:
    """One activity's extraction. It is run again where tracks were wanted whose samples were not here."""

    def __init__(self, writer: JobWriter, extractor: Extractor) -> None:
        self._writer = writer
        self._extractor = extractor
        self._tracks: dict[int, PreparedTrack] = {}
        self._clips_wanted = self._clips_done = 0
        self.absent: frozenset[int] = frozenset()

    async def run(self, tracks: Sequence[PreparedTrack]) -> bool:
        """True with the job COMPLETED; False where the samples of the `absent` tracks are wanted first."""
        self._tracks, self.absent = {track.index: track for track in tracks}, frozenset()
        job = await self._writer.now(partial(begin_extraction, indices=list(self._tracks)))
        try:
            taste = await self._extractor.extract(job, tracks, self)
        except _NotPrepared:
            return False
        await self._writer.now(partial(complete, taste=taste))
        return True

    def on_plan(self, clips_known: Mapping[int, int]) -> None:
        """Counts the clips of the tracks that the extractor knows whole. Ends the call where it wants samples that are not here.

        Such a track is not completed yet: the extractor may still refuse it, as it did when it read the track first.
        """
        self.absent = frozenset(at for at in clips_known if self._tracks[at].path is None)
        if self.absent:
            raise _NotPrepared
        self._clips_wanted = sum(len(self._tracks[at].clips) for at in clips_known)
        self._clips_done = sum(clips_known.values())
        self._writer.soon(partial(keep_known_tracks, indices=[at for at in self._tracks if at not in clips_known]))

    def on_clip(self, track_index: int, clips_done: int) -> None:
        """Counts a clip in the track's and in the job's progress."""
        self._clips_done += 1
        share = min(1.0, self._clips_done / max(1, self._clips_wanted))
        progress = PREPARED + (EXTRACTED - PREPARED) * share
        state = JobState.UPLOADING if share == 1.0 else JobState.EXTRACTING
        self._writer.soon(
            lambda job: job.with_track(track_index, clips_done=clips_done).moved(state=state, progress=progress)
        )

    def on_refusal(self, track_index: int, fault: Fault) -> None:
        """Fails one track."""
        self._writer.soon(partial(fail_track, index=track_index, fault=fault))
