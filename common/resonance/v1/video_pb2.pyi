import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import generate_pb2 as _generate_pb2
from resonance.v1 import jobs_pb2 as _jobs_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from resonance.v1 import speech_pb2 as _speech_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VideoState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_STATE_UNSPECIFIED: _ClassVar[VideoState]
    VIDEO_STATE_UPLOADED: _ClassVar[VideoState]
    VIDEO_STATE_LISTENING: _ClassVar[VideoState]
    VIDEO_STATE_WRITING: _ClassVar[VideoState]
    VIDEO_STATE_DIRECTING: _ClassVar[VideoState]
    VIDEO_STATE_CASTING: _ClassVar[VideoState]
    VIDEO_STATE_SHOOTING: _ClassVar[VideoState]
    VIDEO_STATE_ASSEMBLING: _ClassVar[VideoState]
    VIDEO_STATE_COMPLETED: _ClassVar[VideoState]
    VIDEO_STATE_FAILED: _ClassVar[VideoState]
    VIDEO_STATE_CANCELLED: _ClassVar[VideoState]

class SceneStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCENE_STATUS_UNSPECIFIED: _ClassVar[SceneStatus]
    SCENE_STATUS_WAITING: _ClassVar[SceneStatus]
    SCENE_STATUS_MAKING: _ClassVar[SceneStatus]
    SCENE_STATUS_READY: _ClassVar[SceneStatus]
    SCENE_STATUS_FAILED: _ClassVar[SceneStatus]
    SCENE_STATUS_REPLACED: _ClassVar[SceneStatus]

class VideoFileKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_FILE_KIND_UNSPECIFIED: _ClassVar[VideoFileKind]
    VIDEO_FILE_KIND_MASTER: _ClassVar[VideoFileKind]
    VIDEO_FILE_KIND_SHARE: _ClassVar[VideoFileKind]
    VIDEO_FILE_KIND_STILL: _ClassVar[VideoFileKind]
    VIDEO_FILE_KIND_DESCRIBED: _ClassVar[VideoFileKind]

class VideoTextKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_TEXT_KIND_UNSPECIFIED: _ClassVar[VideoTextKind]
    VIDEO_TEXT_KIND_CAPTIONS: _ClassVar[VideoTextKind]
    VIDEO_TEXT_KIND_DESCRIPTIONS: _ClassVar[VideoTextKind]
VIDEO_STATE_UNSPECIFIED: VideoState
VIDEO_STATE_UPLOADED: VideoState
VIDEO_STATE_LISTENING: VideoState
VIDEO_STATE_WRITING: VideoState
VIDEO_STATE_DIRECTING: VideoState
VIDEO_STATE_CASTING: VideoState
VIDEO_STATE_SHOOTING: VideoState
VIDEO_STATE_ASSEMBLING: VideoState
VIDEO_STATE_COMPLETED: VideoState
VIDEO_STATE_FAILED: VideoState
VIDEO_STATE_CANCELLED: VideoState
SCENE_STATUS_UNSPECIFIED: SceneStatus
SCENE_STATUS_WAITING: SceneStatus
SCENE_STATUS_MAKING: SceneStatus
SCENE_STATUS_READY: SceneStatus
SCENE_STATUS_FAILED: SceneStatus
SCENE_STATUS_REPLACED: SceneStatus
VIDEO_FILE_KIND_UNSPECIFIED: VideoFileKind
VIDEO_FILE_KIND_MASTER: VideoFileKind
VIDEO_FILE_KIND_SHARE: VideoFileKind
VIDEO_FILE_KIND_STILL: VideoFileKind
VIDEO_FILE_KIND_DESCRIBED: VideoFileKind
VIDEO_TEXT_KIND_UNSPECIFIED: VideoTextKind
VIDEO_TEXT_KIND_CAPTIONS: VideoTextKind
VIDEO_TEXT_KIND_DESCRIPTIONS: VideoTextKind

class SceneVersion(_message.Message):
    __slots__ = ("version", "status", "sha256", "instruction", "seed", "attempts", "error", "provider", "made_with", "cost_usd")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MADE_WITH_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    version: int
    status: SceneStatus
    sha256: str
    instruction: str
    seed: int
    attempts: int
    error: _jobs_pb2.Fault
    provider: str
    made_with: str
    cost_usd: float
    def __init__(self, version: _Optional[int] = ..., status: _Optional[_Union[SceneStatus, str]] = ..., sha256: _Optional[str] = ..., instruction: _Optional[str] = ..., seed: _Optional[int] = ..., attempts: _Optional[int] = ..., error: _Optional[_Union[_jobs_pb2.Fault, _Mapping]] = ..., provider: _Optional[str] = ..., made_with: _Optional[str] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class VideoShot(_message.Message):
    __slots__ = ("id", "start_s", "end_s", "purpose", "summary", "versions", "chosen")
    ID_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    start_s: float
    end_s: float
    purpose: str
    summary: str
    versions: _containers.RepeatedCompositeFieldContainer[SceneVersion]
    chosen: int
    def __init__(self, id: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., purpose: _Optional[str] = ..., summary: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[SceneVersion, _Mapping]]] = ..., chosen: _Optional[int] = ...) -> None: ...

class VideoFile(_message.Message):
    __slots__ = ("aspect", "kind", "sha256", "byte_count", "media_type")
    ASPECT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    aspect: str
    kind: VideoFileKind
    sha256: str
    byte_count: int
    media_type: str
    def __init__(self, aspect: _Optional[str] = ..., kind: _Optional[_Union[VideoFileKind, str]] = ..., sha256: _Optional[str] = ..., byte_count: _Optional[int] = ..., media_type: _Optional[str] = ...) -> None: ...

class Video(_message.Message):
    __slots__ = ("video_id", "state", "progress", "take_id", "upload_id", "concept", "character", "aspects", "review", "seed", "provider", "awaits_review", "duration_s", "shots", "files", "error", "notices", "create_time", "update_time", "revision", "pcm_master", "cost_usd")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TAKE_ID_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    ASPECTS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    AWAITS_REVIEW_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PCM_MASTER_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    state: VideoState
    progress: float
    take_id: str
    upload_id: str
    concept: str
    character: str
    aspects: _containers.RepeatedScalarFieldContainer[str]
    review: bool
    seed: int
    provider: str
    awaits_review: bool
    duration_s: float
    shots: _containers.RepeatedCompositeFieldContainer[VideoShot]
    files: _containers.RepeatedCompositeFieldContainer[VideoFile]
    error: _jobs_pb2.Fault
    notices: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    revision: int
    pcm_master: bool
    cost_usd: float
    def __init__(self, video_id: _Optional[str] = ..., state: _Optional[_Union[VideoState, str]] = ..., progress: _Optional[float] = ..., take_id: _Optional[str] = ..., upload_id: _Optional[str] = ..., concept: _Optional[str] = ..., character: _Optional[str] = ..., aspects: _Optional[_Iterable[str]] = ..., review: _Optional[bool] = ..., seed: _Optional[int] = ..., provider: _Optional[str] = ..., awaits_review: _Optional[bool] = ..., duration_s: _Optional[float] = ..., shots: _Optional[_Iterable[_Union[VideoShot, _Mapping]]] = ..., files: _Optional[_Iterable[_Union[VideoFile, _Mapping]]] = ..., error: _Optional[_Union[_jobs_pb2.Fault, _Mapping]] = ..., notices: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., pcm_master: _Optional[bool] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class VideoNarration(_message.Message):
    __slots__ = ("sections", "voice_id", "speed")
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    sections: _containers.RepeatedCompositeFieldContainer[_speech_pb2.ScriptSection]
    voice_id: str
    speed: float
    def __init__(self, sections: _Optional[_Iterable[_Union[_speech_pb2.ScriptSection, _Mapping]]] = ..., voice_id: _Optional[str] = ..., speed: _Optional[float] = ...) -> None: ...

class CreateVideoRequest(_message.Message):
    __slots__ = ("request_id", "take_id", "upload_id", "concept", "aspects", "character", "review", "seed", "provider", "pcm_master", "music", "narration")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TAKE_ID_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    ASPECTS_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PCM_MASTER_FIELD_NUMBER: _ClassVar[int]
    MUSIC_FIELD_NUMBER: _ClassVar[int]
    NARRATION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    take_id: str
    upload_id: str
    concept: str
    aspects: _containers.RepeatedScalarFieldContainer[str]
    character: str
    review: bool
    seed: int
    provider: str
    pcm_master: bool
    music: _generate_pb2.GenerateRequest
    narration: VideoNarration
    def __init__(self, request_id: _Optional[str] = ..., take_id: _Optional[str] = ..., upload_id: _Optional[str] = ..., concept: _Optional[str] = ..., aspects: _Optional[_Iterable[str]] = ..., character: _Optional[str] = ..., review: _Optional[bool] = ..., seed: _Optional[int] = ..., provider: _Optional[str] = ..., pcm_master: _Optional[bool] = ..., music: _Optional[_Union[_generate_pb2.GenerateRequest, _Mapping]] = ..., narration: _Optional[_Union[VideoNarration, _Mapping]] = ...) -> None: ...

class CreateVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class GetVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class GetVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class ListVideosRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVideosResponse(_message.Message):
    __slots__ = ("videos", "next_page_token")
    VIDEOS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    videos: _containers.RepeatedCompositeFieldContainer[Video]
    next_page_token: str
    def __init__(self, videos: _Optional[_Iterable[_Union[Video, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchVideoRequest(_message.Message):
    __slots__ = ("video_id", "after_revision")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    after_revision: int
    def __init__(self, video_id: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchVideoResponse(_message.Message):
    __slots__ = ("video", "is_unchanged")
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    IS_UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    video: Video
    is_unchanged: bool
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ..., is_unchanged: _Optional[bool] = ...) -> None: ...

class CancelVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class CancelVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class DeleteVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class DeleteVideoResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPlanRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class GetPlanResponse(_message.Message):
    __slots__ = ("treatment_json", "plan_json")
    TREATMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    PLAN_JSON_FIELD_NUMBER: _ClassVar[int]
    treatment_json: str
    plan_json: str
    def __init__(self, treatment_json: _Optional[str] = ..., plan_json: _Optional[str] = ...) -> None: ...

class ShotChange(_message.Message):
    __slots__ = ("shot_id", "changes_json", "start_frame")
    SHOT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_JSON_FIELD_NUMBER: _ClassVar[int]
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    shot_id: str
    changes_json: str
    start_frame: int
    def __init__(self, shot_id: _Optional[str] = ..., changes_json: _Optional[str] = ..., start_frame: _Optional[int] = ...) -> None: ...

class UpdatePlanRequest(_message.Message):
    __slots__ = ("video_id", "treatment_json", "shots", "accept")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    TREATMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    treatment_json: str
    shots: _containers.RepeatedCompositeFieldContainer[ShotChange]
    accept: bool
    def __init__(self, video_id: _Optional[str] = ..., treatment_json: _Optional[str] = ..., shots: _Optional[_Iterable[_Union[ShotChange, _Mapping]]] = ..., accept: _Optional[bool] = ...) -> None: ...

class UpdatePlanResponse(_message.Message):
    __slots__ = ("video", "invalidated_shot_ids")
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    INVALIDATED_SHOT_IDS_FIELD_NUMBER: _ClassVar[int]
    video: Video
    invalidated_shot_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ..., invalidated_shot_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RedoSceneRequest(_message.Message):
    __slots__ = ("video_id", "shot_id", "instruction", "seed")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    SHOT_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    shot_id: str
    instruction: str
    seed: int
    def __init__(self, video_id: _Optional[str] = ..., shot_id: _Optional[str] = ..., instruction: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class RedoSceneResponse(_message.Message):
    __slots__ = ("video", "version")
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    video: Video
    version: int
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ChooseSceneRequest(_message.Message):
    __slots__ = ("video_id", "shot_id", "version")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    SHOT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    shot_id: str
    version: int
    def __init__(self, video_id: _Optional[str] = ..., shot_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ChooseSceneResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class StreamVideoRequest(_message.Message):
    __slots__ = ("video_id", "aspect", "kind", "shot_id", "version", "start", "end")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    ASPECT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SHOT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    aspect: str
    kind: VideoFileKind
    shot_id: str
    version: int
    start: int
    end: int
    def __init__(self, video_id: _Optional[str] = ..., aspect: _Optional[str] = ..., kind: _Optional[_Union[VideoFileKind, str]] = ..., shot_id: _Optional[str] = ..., version: _Optional[int] = ..., start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class StreamVideoResponse(_message.Message):
    __slots__ = ("started", "data")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    started: VideoFile
    data: bytes
    def __init__(self, started: _Optional[_Union[VideoFile, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class GetVideoTextRequest(_message.Message):
    __slots__ = ("video_id", "kind")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    kind: VideoTextKind
    def __init__(self, video_id: _Optional[str] = ..., kind: _Optional[_Union[VideoTextKind, str]] = ...) -> None: ...

class GetVideoTextResponse(_message.Message):
    __slots__ = ("vtt",)
    VTT_FIELD_NUMBER: _ClassVar[int]
    vtt: str
    def __init__(self, vtt: _Optional[str] = ...) -> None: ...

class GetPictureCurvesRequest(_message.Message):
    __slots__ = ("video_id", "upload_id")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    upload_id: str
    def __init__(self, video_id: _Optional[str] = ..., upload_id: _Optional[str] = ...) -> None: ...

class PictureStep(_message.Message):
    __slots__ = ("start_s", "energy", "density")
    START_S_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    energy: float
    density: float
    def __init__(self, start_s: _Optional[float] = ..., energy: _Optional[float] = ..., density: _Optional[float] = ...) -> None: ...

class GetPictureCurvesResponse(_message.Message):
    __slots__ = ("duration_s", "steps", "notices")
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    duration_s: float
    steps: _containers.RepeatedCompositeFieldContainer[PictureStep]
    notices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, duration_s: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[PictureStep, _Mapping]]] = ..., notices: _Optional[_Iterable[str]] = ...) -> None: ...

class GetVideoCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SceneProviderInfo(_message.Message):
    __slots__ = ("name", "version", "aspects", "seconds_max", "price_usd_per_s", "is_local")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ASPECTS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MAX_FIELD_NUMBER: _ClassVar[int]
    PRICE_USD_PER_S_FIELD_NUMBER: _ClassVar[int]
    IS_LOCAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    aspects: _containers.RepeatedScalarFieldContainer[str]
    seconds_max: float
    price_usd_per_s: float
    is_local: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., aspects: _Optional[_Iterable[str]] = ..., seconds_max: _Optional[float] = ..., price_usd_per_s: _Optional[float] = ..., is_local: _Optional[bool] = ...) -> None: ...

class GetVideoCapabilitiesResponse(_message.Message):
    __slots__ = ("providers", "song_s_max", "unavailable")
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    SONG_S_MAX_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    providers: _containers.RepeatedCompositeFieldContainer[SceneProviderInfo]
    song_s_max: float
    unavailable: str
    def __init__(self, providers: _Optional[_Iterable[_Union[SceneProviderInfo, _Mapping]]] = ..., song_s_max: _Optional[float] = ..., unavailable: _Optional[str] = ...) -> None: ...
