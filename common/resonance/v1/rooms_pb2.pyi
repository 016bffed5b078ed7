import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import audio_pb2 as _audio_pb2
from resonance.v1 import generate_pb2 as _generate_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from resonance.v1 import steering_pb2 as _steering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RoomRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROOM_ROLE_UNSPECIFIED: _ClassVar[RoomRole]
    ROOM_ROLE_OWNER: _ClassVar[RoomRole]
    ROOM_ROLE_PLAYER: _ClassVar[RoomRole]
    ROOM_ROLE_LISTENER: _ClassVar[RoomRole]
ROOM_ROLE_UNSPECIFIED: RoomRole
ROOM_ROLE_OWNER: RoomRole
ROOM_ROLE_PLAYER: RoomRole
ROOM_ROLE_LISTENER: RoomRole

class OpenRoomRequest(_message.Message):
    __slots__ = ("opening", "name", "offered_taste_ids")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFERED_TASTE_IDS_FIELD_NUMBER: _ClassVar[int]
    opening: _generate_pb2.PerformOpening
    name: str
    offered_taste_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, opening: _Optional[_Union[_generate_pb2.PerformOpening, _Mapping]] = ..., name: _Optional[str] = ..., offered_taste_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class OpenRoomResponse(_message.Message):
    __slots__ = ("room_id", "owner_token", "play_token", "listen_token", "request_id", "expire_time")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PLAY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LISTEN_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    owner_token: str
    play_token: str
    listen_token: str
    request_id: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, room_id: _Optional[str] = ..., owner_token: _Optional[str] = ..., play_token: _Optional[str] = ..., listen_token: _Optional[str] = ..., request_id: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RoomPart(_message.Message):
    __slots__ = ("tastes", "concepts", "sliders")
    TASTES_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    SLIDERS_FIELD_NUMBER: _ClassVar[int]
    tastes: _containers.RepeatedCompositeFieldContainer[_steering_pb2.TasteWeight]
    concepts: _containers.RepeatedCompositeFieldContainer[_steering_pb2.ConceptWeight]
    sliders: _steering_pb2.Sliders
    def __init__(self, tastes: _Optional[_Iterable[_Union[_steering_pb2.TasteWeight, _Mapping]]] = ..., concepts: _Optional[_Iterable[_Union[_steering_pb2.ConceptWeight, _Mapping]]] = ..., sliders: _Optional[_Union[_steering_pb2.Sliders, _Mapping]] = ...) -> None: ...

class RoomJoining(_message.Message):
    __slots__ = ("room_id", "token", "name", "hue", "member_key", "part", "without_sound", "sound_only")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HUE_FIELD_NUMBER: _ClassVar[int]
    MEMBER_KEY_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_SOUND_FIELD_NUMBER: _ClassVar[int]
    SOUND_ONLY_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    token: str
    name: str
    hue: int
    member_key: str
    part: RoomPart
    without_sound: bool
    sound_only: bool
    def __init__(self, room_id: _Optional[str] = ..., token: _Optional[str] = ..., name: _Optional[str] = ..., hue: _Optional[int] = ..., member_key: _Optional[str] = ..., part: _Optional[_Union[RoomPart, _Mapping]] = ..., without_sound: _Optional[bool] = ..., sound_only: _Optional[bool] = ...) -> None: ...

class RoomControl(_message.Message):
    __slots__ = ("part", "recipe", "command", "weights", "removed_member_ids")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PART_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_MEMBER_IDS_FIELD_NUMBER: _ClassVar[int]
    part: RoomPart
    recipe: _steering_pb2.Recipe
    command: _generate_pb2.PlaybackCommand
    weights: _containers.ScalarMap[str, float]
    removed_member_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, part: _Optional[_Union[RoomPart, _Mapping]] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., command: _Optional[_Union[_generate_pb2.PlaybackCommand, str]] = ..., weights: _Optional[_Mapping[str, float]] = ..., removed_member_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class JoinPerformanceRequest(_message.Message):
    __slots__ = ("joining", "control")
    JOINING_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    joining: RoomJoining
    control: RoomControl
    def __init__(self, joining: _Optional[_Union[RoomJoining, _Mapping]] = ..., control: _Optional[_Union[RoomControl, _Mapping]] = ...) -> None: ...

class RoomMember(_message.Message):
    __slots__ = ("member_id", "name", "hue", "role", "is_present", "weight", "part", "push_share", "sounding_share")
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HUE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    IS_PRESENT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PUSH_SHARE_FIELD_NUMBER: _ClassVar[int]
    SOUNDING_SHARE_FIELD_NUMBER: _ClassVar[int]
    member_id: str
    name: str
    hue: int
    role: RoomRole
    is_present: bool
    weight: float
    part: RoomPart
    push_share: float
    sounding_share: float
    def __init__(self, member_id: _Optional[str] = ..., name: _Optional[str] = ..., hue: _Optional[int] = ..., role: _Optional[_Union[RoomRole, str]] = ..., is_present: _Optional[bool] = ..., weight: _Optional[float] = ..., part: _Optional[_Union[RoomPart, _Mapping]] = ..., push_share: _Optional[float] = ..., sounding_share: _Optional[float] = ...) -> None: ...

class RoomMove(_message.Message):
    __slots__ = ("member_id", "control", "before", "after")
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    member_id: str
    control: str
    before: float
    after: float
    def __init__(self, member_id: _Optional[str] = ..., control: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ...) -> None: ...

class RoomMix(_message.Message):
    __slots__ = ("recipe_id", "sample_offset", "members", "listener_count", "moves", "recipe", "budget_share", "bar_s", "is_paused")
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    LISTENER_COUNT_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_SHARE_FIELD_NUMBER: _ClassVar[int]
    BAR_S_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    recipe_id: str
    sample_offset: int
    members: _containers.RepeatedCompositeFieldContainer[RoomMember]
    listener_count: int
    moves: _containers.RepeatedCompositeFieldContainer[RoomMove]
    recipe: _steering_pb2.Recipe
    budget_share: float
    bar_s: float
    is_paused: bool
    def __init__(self, recipe_id: _Optional[str] = ..., sample_offset: _Optional[int] = ..., members: _Optional[_Iterable[_Union[RoomMember, _Mapping]]] = ..., listener_count: _Optional[int] = ..., moves: _Optional[_Iterable[_Union[RoomMove, _Mapping]]] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., budget_share: _Optional[float] = ..., bar_s: _Optional[float] = ..., is_paused: _Optional[bool] = ...) -> None: ...

class RoomJoined(_message.Message):
    __slots__ = ("room_id", "name", "member_id", "role", "offered_tastes", "sample_offset", "ready_sliders")
    ROOM_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    OFFERED_TASTES_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    READY_SLIDERS_FIELD_NUMBER: _ClassVar[int]
    room_id: str
    name: str
    member_id: str
    role: RoomRole
    offered_tastes: _containers.RepeatedCompositeFieldContainer[OfferedTaste]
    sample_offset: int
    ready_sliders: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, room_id: _Optional[str] = ..., name: _Optional[str] = ..., member_id: _Optional[str] = ..., role: _Optional[_Union[RoomRole, str]] = ..., offered_tastes: _Optional[_Iterable[_Union[OfferedTaste, _Mapping]]] = ..., sample_offset: _Optional[int] = ..., ready_sliders: _Optional[_Iterable[str]] = ...) -> None: ...

class OfferedTaste(_message.Message):
    __slots__ = ("taste_id", "title")
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    title: str
    def __init__(self, taste_id: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class RoomSkipped(_message.Message):
    __slots__ = ("sample_offset_before", "sample_offset")
    SAMPLE_OFFSET_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    sample_offset_before: int
    sample_offset: int
    def __init__(self, sample_offset_before: _Optional[int] = ..., sample_offset: _Optional[int] = ...) -> None: ...

class RoomEnded(_message.Message):
    __slots__ = ("reason", "message", "end")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    end: _audio_pb2.StreamEnd
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., end: _Optional[_Union[_audio_pb2.StreamEnd, _Mapping]] = ...) -> None: ...

class JoinPerformanceResponse(_message.Message):
    __slots__ = ("started", "joined", "chunk", "mix", "recipe", "skipped", "queued", "ended")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    MIX_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    started: _generate_pb2.GenerationStarted
    joined: RoomJoined
    chunk: _audio_pb2.AudioChunk
    mix: RoomMix
    recipe: _generate_pb2.RecipeInForce
    skipped: RoomSkipped
    queued: _generate_pb2.GenerationQueued
    ended: RoomEnded
    def __init__(self, started: _Optional[_Union[_generate_pb2.GenerationStarted, _Mapping]] = ..., joined: _Optional[_Union[RoomJoined, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ..., mix: _Optional[_Union[RoomMix, _Mapping]] = ..., recipe: _Optional[_Union[_generate_pb2.RecipeInForce, _Mapping]] = ..., skipped: _Optional[_Union[RoomSkipped, _Mapping]] = ..., queued: _Optional[_Union[_generate_pb2.GenerationQueued, _Mapping]] = ..., ended: _Optional[_Union[RoomEnded, _Mapping]] = ...) -> None: ...
