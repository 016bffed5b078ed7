"""Jobs as values: states, tracks and allowed changes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from resonance.errors import DataLoss, ResonanceError


class JobState(StrEnum):
    """State of a job or a track, by the names of the proto's enum."""

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
        """The later of two states, so that work that is repeated after a crash does not lower the progress."""
        return max(self, wanted, key=list(JobState).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error that is part of a result: a constant reason and a sentence."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: ResonanceError) -> Fault:
        return cls(reason=error.reason, message=error.message)


# Faults of a file itself: another try has the same result.
_VERDICTS = frozenset(
    {"EMPTY_FILE", "NOT_AUDIO", "NO_SOUND", "DAMAGED", "NOT_FINITE", "TOO_LONG", "TOO_LARGE", "TOO_SHORT"}
    | {"SILENT_TRACK", "UPLOAD_DAMAGED", "RANGE_OUTSIDE_TRACK", "RANGE_TOO_SHORT"}
    | {"ARCHIVE", "COPY_PROTECTED", "FORMAT_NOT_READ"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """One uploaded file, kept as parts in the object store below `uploads/{upload_id}`; `parts` names them.

    A file that is too large has a `fault` and no parts: its bytes were not kept.
    """

    filename: str
    upload_id: str
    byte_count: int
    sha256: str
    parts: tuple[str, ...]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Length and digest of a track's decoded samples: the extractor recognises a track by them.

    `notice` says in plain words what decoding changed or left out; empty for nothing. Of a track that is longer than the
    limit only the chosen `ranges` were decoded, in samples of the track; `track_s` is then its whole length in seconds.
    """

    sample_count: int
    sample_rate_hz: int
    sha256: str
    notice: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    track_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """The track's length in seconds."""
        return self.track_s or self.sample_count / self.sample_rate_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A state of a job and the time of its beginning, in milliseconds since 1970."""

    state: JobState
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTrack:
    """A track of a playlist. `duration_s` and `clips_total` are 0 until it is decoded; `locator` is the source's name."""

    index: int
    title: str
    locator: str = ""
    state: JobState = JobState.QUEUED
    error: Fault | None = None
    duration_s: float = 0.0
    clips_done: int = 0
    clips_total: int = 0
    sound: Sound | None = None

    def may_succeed_again(self, *, is_upload: bool) -> bool:
        """True where another try could succeed. The content behind a link may change, an uploaded file does not."""
        if self.state == JobState.COMPLETED:
            return False
        return not is_upload or self.error is None or self.error.reason not in _VERDICTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One playlist on its way to one taste.

    `options` and `taste` are the JSON forms of the messages of the same name: ingest passes them on and reads only
    the chosen ranges. `revision` counts the changes that a watcher may see.
    `workers` names the activity that works on a part of the job (`JobWriter`); `attempts` counts activities that began, `returns`
    those that ended, so that the difference tells of crashes. `retried_as` is the job that continues with the failed tracks.
    """

    job_id: str
    request_digest: str
    created_ms: int
    updated_ms: int
    owner: str = ""
    title: str = ""
    source_url: str = ""
    uploads: tuple[UploadedFile, ...] = ()
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    state: JobState = JobState.QUEUED
    progress: float = 0.0
    tracks: tuple[JobTrack, ...] = ()
    error: Fault | None = None
    taste: dict[str, Any] | None = None
    revision: int = 1
    history: tuple[StateChange, ...] = ()
    workers: dict[str, str] = dataclasses.field(default_factory=dict)
    attempts: int = 0
    returns: int = 0
    retried_as: str = ""
    notice: str = ""

    def moved(self, **changes: Any) -> Job:
        """The job after a change. A final job stays as it is; progress never falls."""
        if self.state.is_final:
            return self
        changes["state"] = self.state.or_later(changes.get("state", self.state))
        changes["progress"] = min(1.0, max(self.progress, changes.get("progress", 0.0)))
        if changes["state"] in (JobState.CANCELLED, JobState.FAILED):
            changes["tracks"] = tuple(_ended(track) for track in changes.get("tracks", self.tracks))
        after = replace(self, **changes)
        return self if after == self else replace(after, revision=self.revision + 1)

    def with_track(self, index: int, **changes: Any) -> Job:
        """The job after a change of one track. A track that has failed stays failed."""
        track = self.tracks[index]
        if track.state.is_final:
            return self
        changes["state"] = track.state.or_later(changes.get("state", track.state))
        changes["clips_done"] = max(track.clips_done, changes.get("clips_done", 0))
        changed = replace(track, **changes)
        return self.moved(tracks=(*self.tracks[:index], changed, *self.tracks[index + 1 :]))

    @property
    def usable_tracks(self) -> tuple[JobTrack, ...]:
        """The tracks that have not failed."""
        return tuple(track for track in self.tracks if track.state != JobState.FAILED)

    @property
    def is_upload(self) -> bool:
        """True for a job of uploaded files; a link can be fetched again."""
        return not self.source_url

    @property
    def could_end_otherwise(self) -> bool:
        """True for a final job with a fault that another try could avoid."""
        if not self.state.is_final or self.retried_as:
            return False
        tracks = [track for track in self.tracks if track.may_succeed_again(is_upload=self.is_upload)]
        return bool(tracks) or (self.state != JobState.COMPLETED and not self.tracks)

    @property
    def can_be_retried(self) -> bool:
        """True where another try is useful and possible: the files of a cancelled upload are not kept."""
        keeps_files = bool(self.uploads) and self.state != JobState.CANCELLED
        return self.could_end_otherwise and (keeps_files or not self.is_upload)

    def tracks_for_retry(self) -> tuple[JobTrack, ...]:
        """The tracks of the job that continues: extracted ones are known, failed ones begin again, faults of files stay."""
        return tuple(
            replace(track, state=JobState.QUEUED, error=None, clips_done=0)
            if track.state == JobState.COMPLETED or track.may_succeed_again(is_upload=self.is_upload)
            else track
            for track in self.tracks
        )

    def without_files(self) -> Job:
        """The job after its uploaded files were removed."""
        return replace(self, uploads=(), revision=self.revision + 1) if self.uploads else self


def to_json(job: Job) -> bytes:
    """The job as a document."""
    return json.dumps(dataclasses.asdict(job), separators=(",", ":"), allow_nan=False).encode()


def from_json(data: bytes) -> Job:
    """The job that a document holds. Fields that this version does not know are left out, as those of a newer version are.

    Raises:
        DataLoss: the document is no job that this version can read.
    """
    try:
        plain = json.loads(data)
        plain["state"] = JobState(plain["state"])
        plain["tracks"] = tuple(_track(track) for track in plain["tracks"])
        plain["uploads"] = tuple(_upload(upload) for upload in plain["uploads"])
        plain["history"] = tuple(_change(change) for change in plain.get("history", ()))
        plain["error"] = Fault(**plain["error"]) if plain["error"] else None
        if plain.pop("lease", None) is not None:  # an earlier version wrote it
            plain["returns"] = 0
        known = {field.name for field in dataclasses.fields(Job)}
        return Job(**{name: value for name, value in plain.items() if name in known})
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("a job's document cannot be read by this version", reason="JOB_UNREADABLE") from failure


def _ended(track: JobTrack) -> JobTrack:
    """A track whose job ended before the track did."""
    return track if track.state.is_final else replace(track, state=JobState.CANCELLED)


def _upload(plain: dict[str, Any]) -> UploadedFile:
    fault = Fault(**plain["fault"]) if plain.get("fault") else None
    return UploadedFile(**{**plain, "parts": tuple(plain["parts"]), "fault": fault})


def _change(plain: dict[str, Any]) -> StateChange:
    return StateChange(state=JobState(plain["state"]), at_ms=plain["at_ms"])


def _track(plain: dict[str, Any]) -> JobTrack:
    plain["state"] = JobState(plain["state"])
    plain["sound"] = _sound(plain["sound"]) if plain.get("sound") else None
    plain["error"] = Fault(**plain["error"]) if plain["error"] else None
    return JobTrack(**plain)


def _sound(plain: dict[str, Any]) -> Sound:
    return Sound(**{**plain, "ranges": tuple((start, end) for start, end in plain.get("ranges", ()))})
