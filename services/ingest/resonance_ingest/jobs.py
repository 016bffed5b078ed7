"""A job as a value: its states, its tracks, and how it may change. It knows neither the wire nor the store."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from resonance.errors import DataLoss, ResonanceError


class JobState(StrEnum):
    """Where a job or a track stands, by the names that the wire uses."""

    QUEUED = "QUEUED"
    DOWNLOADING = "DOWNLOADING"
    PREPROCESSING = "PREPROCESSING"
    EXTRACTING = "EXTRACTING"
    UPLOADING = "UPLOADING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)

    def or_later(self, wanted: JobState) -> JobState:
        """The later of the two on the way to a taste: work that is done again after a crash does not look like less."""
        return max(self, wanted, key=list(JobState).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error that is part of a result: a constant reason and a sentence."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: ResonanceError) -> Fault:
        return cls(reason=error.reason, message=error.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One uploaded file, kept as parts in the object store below `uploads/{upload_id}/{number}`."""

    filename: str
    upload_id: str
    number: int
    part_count: int
    byte_count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTrack:
    """One track. `duration_s` and `clips_total` are 0 until it has been decoded; `locator` is the source's own name."""

    index: int
    title: str
    locator: str = ""
    state: JobState = JobState.QUEUED
    error: Fault | None = None
    duration_s: float = 0.0
    clips_done: int = 0
    clips_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who works on the job. The token grows with every owner; `beat` grows while the owner lives.

    An empty owner has given the lease back: the job is free, and the token still refuses whoever held it before.
    """

    owner: str
    token: int
    beat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One playlist on its way to one taste.

    `options` and `taste` are the JSON forms of the messages of the same name: ingest hands them on and never looks
    inside. `revision` counts the changes that a watcher may see, which heartbeats are not.
    """

    job_id: str
    request_digest: str
    created_ms: int
    updated_ms: int
    title: str = ""
    source_url: str = ""
    uploads: tuple[Upload, ...] = ()
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    state: JobState = JobState.QUEUED
    progress: float = 0.0
    tracks: tuple[JobTrack, ...] = ()
    error: Fault | None = None
    taste: dict[str, Any] | None = None
    lease: Lease | None = None
    revision: int = 1

    def moved(self, **changes: Any) -> Job:
        """The job after a change: the laws hold whoever asks. A final job stays as it is; progress never falls."""
        if self.state.is_final:
            return self
        changes["state"] = self.state.or_later(changes.get("state", self.state))
        changes["progress"] = min(1.0, max(self.progress, changes.get("progress", 0.0)))
        after = dataclasses.replace(self, **changes)
        return self if after == self else dataclasses.replace(after, revision=self.revision + 1)

    def with_track(self, index: int, **changes: Any) -> Job:
        """The job after a change of one track. A track that has failed stays failed."""
        track = self.tracks[index]
        if track.state.is_final:
            return self
        changes["state"] = track.state.or_later(changes.get("state", track.state))
        changes["clips_done"] = max(track.clips_done, changes.get("clips_done", 0))
        changed = dataclasses.replace(track, **changes)
        return self.moved(tracks=(*self.tracks[:index], changed, *self.tracks[index + 1 :]))

    @property
    def usable_tracks(self) -> tuple[JobTrack, ...]:
        """The tracks that have not failed."""
        return tuple(track for track in self.tracks if track.state != JobState.FAILED)


def to_json(job: Job) -> bytes:
    """The job as a document."""
    return json.dumps(dataclasses.asdict(job), separators=(",", ":"), allow_nan=False).encode()


def from_json(data: bytes) -> Job:
    """The job that a document holds.

    Raises:
        DataLoss: the document is no job that this version can read.
    """
    try:
        plain = json.loads(data)
        plain["state"] = JobState(plain["state"])
        plain["tracks"] = tuple(_track(track) for track in plain["tracks"])
        plain["uploads"] = tuple(Upload(**upload) for upload in plain["uploads"])
        plain["error"] = Fault(**plain["error"]) if plain["error"] else None
        plain["lease"] = Lease(**plain["lease"]) if plain["lease"] else None
        return Job(**plain)
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("a job's document cannot be read by this version", reason="JOB_UNREADABLE") from failure


def _track(plain: dict[str, Any]) -> JobTrack:
    plain["state"] = JobState(plain["state"])
    plain["error"] = Fault(**plain["error"]) if plain["error"] else None
    return JobTrack(**plain)
