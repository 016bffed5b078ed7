import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ShareLink(_message.Message):
    __slots__ = ("share_link_id", "token", "direct_url", "byte_count", "sha256", "expire_time")
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DIRECT_URL_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    share_link_id: str
    token: str
    direct_url: str
    byte_count: int
    sha256: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, share_link_id: _Optional[str] = ..., token: _Optional[str] = ..., direct_url: _Optional[str] = ..., byte_count: _Optional[int] = ..., sha256: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateShareLinkRequest(_message.Message):
    __slots__ = ("request_id", "expire_s")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_S_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    expire_s: float
    def __init__(self, request_id: _Optional[str] = ..., expire_s: _Optional[float] = ...) -> None: ...

class CreateShareLinkResponse(_message.Message):
    __slots__ = ("share_link",)
    SHARE_LINK_FIELD_NUMBER: _ClassVar[int]
    share_link: ShareLink
    def __init__(self, share_link: _Optional[_Union[ShareLink, _Mapping]] = ...) -> None: ...

class ReadShareLinkRequest(_message.Message):
    __slots__ = ("token", "offset")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    token: str
    offset: int
    def __init__(self, token: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class ReadShareLinkResponse(_message.Message):
    __slots__ = ("share_link", "data")
    SHARE_LINK_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    share_link: ShareLink
    data: bytes
    def __init__(self, share_link: _Optional[_Union[ShareLink, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RevokeShareLinkRequest(_message.Message):
    __slots__ = ("share_link_id",)
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    share_link_id: str
    def __init__(self, share_link_id: _Optional[str] = ...) -> None: ...

class RevokeShareLinkResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
