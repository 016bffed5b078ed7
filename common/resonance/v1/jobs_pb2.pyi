import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import steering_pb2 as _steering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_DOWNLOADING: _ClassVar[JobState]
    JOB_STATE_PREPROCESSING: _ClassVar[JobState]
    JOB_STATE_EXTRACTING: _ClassVar[JobState]
    JOB_STATE_UPLOADING: _ClassVar[JobState]
    JOB_STATE_COMPLETED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_DOWNLOADING: JobState
JOB_STATE_PREPROCESSING: JobState
JOB_STATE_EXTRACTING: JobState
JOB_STATE_UPLOADING: JobState
JOB_STATE_COMPLETED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState

class Fault(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class JobTrack(_message.Message):
    __slots__ = ("index", "title", "state", "error", "duration_s", "clips_done", "clips_total", "notice")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    CLIPS_DONE_FIELD_NUMBER: _ClassVar[int]
    CLIPS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    index: int
    title: str
    state: JobState
    error: Fault
    duration_s: float
    clips_done: int
    clips_total: int
    notice: str
    def __init__(self, index: _Optional[int] = ..., title: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., error: _Optional[_Union[Fault, _Mapping]] = ..., duration_s: _Optional[float] = ..., clips_done: _Optional[int] = ..., clips_total: _Optional[int] = ..., notice: _Optional[str] = ...) -> None: ...

class JobStateChange(_message.Message):
    __slots__ = ("state", "time")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    state: JobState
    time: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[JobState, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("job_id", "state", "progress", "tracks", "error", "title", "source_url", "options", "create_time", "update_time", "taste", "revision", "history", "retry_job_id", "notice", "can_retry")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_URL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TASTE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    RETRY_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    CAN_RETRY_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    state: JobState
    progress: float
    tracks: _containers.RepeatedCompositeFieldContainer[JobTrack]
    error: Fault
    title: str
    source_url: str
    options: _steering_pb2.TasteOptions
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    taste: _steering_pb2.TasteSummary
    revision: int
    history: _containers.RepeatedCompositeFieldContainer[JobStateChange]
    retry_job_id: str
    notice: str
    can_retry: bool
    def __init__(self, job_id: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., progress: _Optional[float] = ..., tracks: _Optional[_Iterable[_Union[JobTrack, _Mapping]]] = ..., error: _Optional[_Union[Fault, _Mapping]] = ..., title: _Optional[str] = ..., source_url: _Optional[str] = ..., options: _Optional[_Union[_steering_pb2.TasteOptions, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., taste: _Optional[_Union[_steering_pb2.TasteSummary, _Mapping]] = ..., revision: _Optional[int] = ..., history: _Optional[_Iterable[_Union[JobStateChange, _Mapping]]] = ..., retry_job_id: _Optional[str] = ..., notice: _Optional[str] = ..., can_retry: _Optional[bool] = ...) -> None: ...
