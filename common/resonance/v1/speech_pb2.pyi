from resonance.v1 import audio_pb2 as _audio_pb2
from resonance.v1 import generate_pb2 as _generate_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Voice(_message.Message):
    __slots__ = ("voice_id", "language", "description", "license", "is_local", "price_usd", "price_day")
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    IS_LOCAL_FIELD_NUMBER: _ClassVar[int]
    PRICE_USD_FIELD_NUMBER: _ClassVar[int]
    PRICE_DAY_FIELD_NUMBER: _ClassVar[int]
    voice_id: str
    language: str
    description: str
    license: str
    is_local: bool
    price_usd: float
    price_day: str
    def __init__(self, voice_id: _Optional[str] = ..., language: _Optional[str] = ..., description: _Optional[str] = ..., license: _Optional[str] = ..., is_local: _Optional[bool] = ..., price_usd: _Optional[float] = ..., price_day: _Optional[str] = ...) -> None: ...

class RecognizerInfo(_message.Message):
    __slots__ = ("name", "is_local", "price_usd", "price_day", "is_google")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_LOCAL_FIELD_NUMBER: _ClassVar[int]
    PRICE_USD_FIELD_NUMBER: _ClassVar[int]
    PRICE_DAY_FIELD_NUMBER: _ClassVar[int]
    IS_GOOGLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_local: bool
    price_usd: float
    price_day: str
    is_google: bool
    def __init__(self, name: _Optional[str] = ..., is_local: _Optional[bool] = ..., price_usd: _Optional[float] = ..., price_day: _Optional[str] = ..., is_google: _Optional[bool] = ...) -> None: ...

class ListVoicesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListVoicesResponse(_message.Message):
    __slots__ = ("voices", "recognizer")
    VOICES_FIELD_NUMBER: _ClassVar[int]
    RECOGNIZER_FIELD_NUMBER: _ClassVar[int]
    voices: _containers.RepeatedCompositeFieldContainer[Voice]
    recognizer: RecognizerInfo
    def __init__(self, voices: _Optional[_Iterable[_Union[Voice, _Mapping]]] = ..., recognizer: _Optional[_Union[RecognizerInfo, _Mapping]] = ...) -> None: ...

class SpeakRequest(_message.Message):
    __slots__ = ("text", "voice_id", "speed", "seed")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    text: str
    voice_id: str
    speed: float
    seed: int
    def __init__(self, text: _Optional[str] = ..., voice_id: _Optional[str] = ..., speed: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class SpeakResponse(_message.Message):
    __slots__ = ("started", "sentence", "chunk", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: SpeechStarted
    sentence: _generate_pb2.SpokenSentence
    chunk: _audio_pb2.AudioChunk
    finished: _audio_pb2.StreamEnd
    def __init__(self, started: _Optional[_Union[SpeechStarted, _Mapping]] = ..., sentence: _Optional[_Union[_generate_pb2.SpokenSentence, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ..., finished: _Optional[_Union[_audio_pb2.StreamEnd, _Mapping]] = ...) -> None: ...

class SpeechStarted(_message.Message):
    __slots__ = ("format", "voice")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    format: _audio_pb2.AudioFormat
    voice: Voice
    def __init__(self, format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., voice: _Optional[_Union[Voice, _Mapping]] = ...) -> None: ...

class NarrateRequest(_message.Message):
    __slots__ = ("take_request_id", "request_id", "sections", "voice_id", "speed")
    TAKE_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    take_request_id: str
    request_id: str
    sections: _containers.RepeatedCompositeFieldContainer[ScriptSection]
    voice_id: str
    speed: float
    def __init__(self, take_request_id: _Optional[str] = ..., request_id: _Optional[str] = ..., sections: _Optional[_Iterable[_Union[ScriptSection, _Mapping]]] = ..., voice_id: _Optional[str] = ..., speed: _Optional[float] = ...) -> None: ...

class ScriptSection(_message.Message):
    __slots__ = ("text", "start_s")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_s: float
    def __init__(self, text: _Optional[str] = ..., start_s: _Optional[float] = ...) -> None: ...

class NarrateResponse(_message.Message):
    __slots__ = ("take",)
    TAKE_FIELD_NUMBER: _ClassVar[int]
    take: _generate_pb2.Take
    def __init__(self, take: _Optional[_Union[_generate_pb2.Take, _Mapping]] = ...) -> None: ...

class TranscribeRequest(_message.Message):
    __slots__ = ("opening", "data")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    opening: TranscriptionOpening
    data: bytes
    def __init__(self, opening: _Optional[_Union[TranscriptionOpening, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class TranscriptionOpening(_message.Message):
    __slots__ = ("filename", "vocabulary")
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    filename: str
    vocabulary: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, filename: _Optional[str] = ..., vocabulary: _Optional[_Iterable[str]] = ...) -> None: ...

class TranscribeResponse(_message.Message):
    __slots__ = ("text", "language", "duration_s", "confidence", "recognizer")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    RECOGNIZER_FIELD_NUMBER: _ClassVar[int]
    text: str
    language: str
    duration_s: float
    confidence: float
    recognizer: str
    def __init__(self, text: _Optional[str] = ..., language: _Optional[str] = ..., duration_s: _Optional[float] = ..., confidence: _Optional[float] = ..., recognizer: _Optional[str] = ...) -> None: ...
