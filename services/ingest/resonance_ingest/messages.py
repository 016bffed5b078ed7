"""Conversion of jobs and uploads to messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from resonance.v1 import ingest_pb2, jobs_pb2, steering_pb2
from resonance_ingest.jobs.job import Fault, Job, JobState, JobTrack, StateChange
from resonance_ingest.sources.upload_sessions import UploadSession


def to_job_message(job: Job) -> jobs_pb2.Job:
    """The job as a message."""
    message = jobs_pb2.Job(
        job_id=job.job_id,
        state=_to_state(job.state),
        progress=job.progress,
        tracks=[_to_track(track) for track in job.tracks],
        error=_to_fault(job.error),
        title=job.title,
        source_url=job.source_url,
        options=ParseDict(job.options, steering_pb2.TasteOptions()),
        create_time=_to_timestamp(job.created_ms),
        update_time=_to_timestamp(job.updated_ms),
        revision=job.revision,
        history=[_to_change(change) for change in _list_states(job)],
        retry_job_id=job.retried_as,
        notice=job.notice,
        can_retry=job.can_be_retried,
    )
    if job.taste is not None:
        ParseDict(job.taste, message.taste, ignore_unknown_fields=True)
    return message


def _to_state(state: JobState) -> Any:
    return jobs_pb2.JobState.Value(f"JOB_STATE_{state.value}")


def _to_track(track: JobTrack) -> jobs_pb2.JobTrack:
    return jobs_pb2.JobTrack(
        index=track.index,
        title=track.title,
        state=_to_state(track.state),
        error=_to_fault(track.error),
        duration_s=track.duration_s,
        clips_done=track.clips_done,
        clips_total=track.clips_total,
        notice=track.sound.notice if track.sound else "",
    )


def _list_states(job: Job) -> tuple[StateChange, ...]:
    return (StateChange(state=JobState.QUEUED, at_ms=job.created_ms), *job.history)


def _to_change(change: StateChange) -> jobs_pb2.JobStateChange:
    return jobs_pb2.JobStateChange(state=_to_state(change.state), time=_to_timestamp(change.at_ms))


def to_upload_message(session: UploadSession) -> ingest_pb2.ResumableUpload:
    """A resumable upload as a message."""
    return ingest_pb2.ResumableUpload(
        upload_id=session.upload_id,
        filename=session.filename,
        byte_count=session.byte_count or 0,
        offset=session.offset,
        expire_time=_to_timestamp(round(session.expires_s * 1000)),
        sha256=session.sha256,
    )


def _to_fault(fault: Fault | None) -> jobs_pb2.Fault | None:
    return jobs_pb2.Fault(reason=fault.reason, message=fault.message) if fault else None


def _to_timestamp(ms: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(ms)
    return stamp
