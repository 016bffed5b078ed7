from resonance.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SampleEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_ENCODING_UNSPECIFIED: _ClassVar[SampleEncoding]
    SAMPLE_ENCODING_PCM_S16LE: _ClassVar[SampleEncoding]
    SAMPLE_ENCODING_PCM_F32LE: _ClassVar[SampleEncoding]
SAMPLE_ENCODING_UNSPECIFIED: SampleEncoding
SAMPLE_ENCODING_PCM_S16LE: SampleEncoding
SAMPLE_ENCODING_PCM_F32LE: SampleEncoding

class AudioFormat(_message.Message):
    __slots__ = ("sample_rate_hz", "channel_count", "encoding")
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    sample_rate_hz: int
    channel_count: int
    encoding: SampleEncoding
    def __init__(self, sample_rate_hz: _Optional[int] = ..., channel_count: _Optional[int] = ..., encoding: _Optional[_Union[SampleEncoding, str]] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("sequence", "sample_offset", "sample_count", "data", "recipe_id", "headroom_s")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    HEADROOM_S_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    sample_offset: int
    sample_count: int
    data: bytes
    recipe_id: str
    headroom_s: float
    def __init__(self, sequence: _Optional[int] = ..., sample_offset: _Optional[int] = ..., sample_count: _Optional[int] = ..., data: _Optional[bytes] = ..., recipe_id: _Optional[str] = ..., headroom_s: _Optional[float] = ...) -> None: ...

class StreamEnd(_message.Message):
    __slots__ = ("sample_count_total", "sha256")
    SAMPLE_COUNT_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sample_count_total: int
    sha256: bytes
    def __init__(self, sample_count_total: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...
