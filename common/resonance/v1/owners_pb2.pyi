import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetUsageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("usage",)
    USAGE_FIELD_NUMBER: _ClassVar[int]
    usage: Usage
    def __init__(self, usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("owner_id", "calls", "music_s", "storage_bytes", "google_usd", "google_all_usd")
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    MUSIC_S_FIELD_NUMBER: _ClassVar[int]
    STORAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    GOOGLE_USD_FIELD_NUMBER: _ClassVar[int]
    GOOGLE_ALL_USD_FIELD_NUMBER: _ClassVar[int]
    owner_id: str
    calls: Quota
    music_s: Quota
    storage_bytes: Quota
    google_usd: Quota
    google_all_usd: Quota
    def __init__(self, owner_id: _Optional[str] = ..., calls: _Optional[_Union[Quota, _Mapping]] = ..., music_s: _Optional[_Union[Quota, _Mapping]] = ..., storage_bytes: _Optional[_Union[Quota, _Mapping]] = ..., google_usd: _Optional[_Union[Quota, _Mapping]] = ..., google_all_usd: _Optional[_Union[Quota, _Mapping]] = ...) -> None: ...

class Quota(_message.Message):
    __slots__ = ("used", "limit", "reset_time")
    USED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    RESET_TIME_FIELD_NUMBER: _ClassVar[int]
    used: float
    limit: float
    reset_time: _timestamp_pb2.Timestamp
    def __init__(self, used: _Optional[float] = ..., limit: _Optional[float] = ..., reset_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeleteOwnerRequest(_message.Message):
    __slots__ = ("owner_id",)
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    owner_id: str
    def __init__(self, owner_id: _Optional[str] = ...) -> None: ...

class DeleteOwnerResponse(_message.Message):
    __slots__ = ("deleted_object_count", "cancelled_work_count", "is_complete")
    DELETED_OBJECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_WORK_COUNT_FIELD_NUMBER: _ClassVar[int]
    IS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    deleted_object_count: int
    cancelled_work_count: int
    is_complete: bool
    def __init__(self, deleted_object_count: _Optional[int] = ..., cancelled_work_count: _Optional[int] = ..., is_complete: _Optional[bool] = ...) -> None: ...
