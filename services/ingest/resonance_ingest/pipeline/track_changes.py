"""Changes of a job by the steps of its tracks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from resonance.errors import DataLoss, FailedPrecondition, NotFound, Overloaded, ResonanceError, Unavailable
from resonance.steering.track_ranges import is_chosen
from resonance.v1 import steering_pb2
from resonance_ingest.jobs.job import Fault, Job, JobState
from resonance_ingest.pipeline.preparation import PreparedTrack

# Progress after all tracks are prepared, and after all clips are read. Extraction is nearly all of the work.
PREPARED, EXTRACTED = 0.3, 0.95


def begin_track(job: Job, index: int, state: JobState) -> Job:
    """A step of a track begins."""
    return job.moved(state=state).with_track(index, state=state)


def fail_track(job: Job, index: int, fault: Fault) -> Job:
    """A track cannot be used."""
    return job.with_track(index, state=JobState.FAILED, error=fault)


def keep_track(job: Job, track: PreparedTrack, options: steering_pb2.TasteOptions) -> Job:
    """A track's sound is known. The progress is the share of chosen tracks of which that is true, or that have failed."""
    job = job.with_track(
        track.index, duration_s=track.sound.duration_s, clips_total=len(track.clips), sound=track.sound
    )
    chosen = [each for each in job.tracks if is_chosen(options, each.index)]
    done = sum(each.sound is not None or each.state.is_final for each in chosen)
    return job.moved(progress=PREPARED * done / max(1, len(chosen)))


def begin_extraction(job: Job, indices: Iterable[int]) -> Job:
    """The extraction of these tracks begins."""
    for index in indices:
        job = job.with_track(index, state=JobState.EXTRACTING)
    return job.moved(state=JobState.EXTRACTING)


def keep_known_tracks(job: Job, indices: Iterable[int]) -> Job:
    """The extractor knows all clips of these tracks."""
    for index in indices:
        job = job.with_track(index, clips_done=job.tracks[index].clips_total)
    return job


def complete(job: Job, taste: dict[str, Any]) -> Job:
    """The job has its taste; `taste` is its JSON form."""
    for track in job.usable_tracks:
        job = job.with_track(track.index, state=JobState.COMPLETED, clips_done=track.clips_total)
    return job.moved(state=JobState.COMPLETED, progress=1.0, taste=taste)


def is_fault_of_track(error: ResonanceError) -> bool:
    """True for a fault of the track. An error of this system ends the step and not the track."""
    return not isinstance(error, Unavailable | NotFound | Overloaded) and (
        not isinstance(error, DataLoss) or error.reason == "UPLOAD_DAMAGED"
    )


def all_failed(job: Job) -> ResonanceError:
    """The error of a job without a usable track."""
    faults = [track.error for track in job.tracks if track.error is not None]
    first = faults[0]
    if len(faults) == 1:
        return FailedPrecondition(first.message, reason=first.reason)
    message = f"None of the {len(faults)} tracks could be used. The first: {first.message}"
    return FailedPrecondition(message, reason="NO_USABLE_TRACKS")
