import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import audio_pb2 as _audio_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from resonance.v1 import steering_pb2 as _steering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ControlMeans(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTROL_MEANS_UNSPECIFIED: _ClassVar[ControlMeans]
    CONTROL_MEANS_TRAINED_WORDS: _ClassVar[ControlMeans]
    CONTROL_MEANS_FREE_WORDS: _ClassVar[ControlMeans]

class PlaybackCommand(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLAYBACK_COMMAND_UNSPECIFIED: _ClassVar[PlaybackCommand]
    PLAYBACK_COMMAND_PLAY: _ClassVar[PlaybackCommand]
    PLAYBACK_COMMAND_PAUSE: _ClassVar[PlaybackCommand]
    PLAYBACK_COMMAND_STOP: _ClassVar[PlaybackCommand]
    PLAYBACK_COMMAND_RESET: _ClassVar[PlaybackCommand]

class ControlSupport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTROL_SUPPORT_UNSPECIFIED: _ClassVar[ControlSupport]
    CONTROL_SUPPORT_EXACT: _ClassVar[ControlSupport]
    CONTROL_SUPPORT_WORDS: _ClassVar[ControlSupport]
    CONTROL_SUPPORT_NONE: _ClassVar[ControlSupport]
CONTROL_MEANS_UNSPECIFIED: ControlMeans
CONTROL_MEANS_TRAINED_WORDS: ControlMeans
CONTROL_MEANS_FREE_WORDS: ControlMeans
PLAYBACK_COMMAND_UNSPECIFIED: PlaybackCommand
PLAYBACK_COMMAND_PLAY: PlaybackCommand
PLAYBACK_COMMAND_PAUSE: PlaybackCommand
PLAYBACK_COMMAND_STOP: PlaybackCommand
PLAYBACK_COMMAND_RESET: PlaybackCommand
CONTROL_SUPPORT_UNSPECIFIED: ControlSupport
CONTROL_SUPPORT_EXACT: ControlSupport
CONTROL_SUPPORT_WORDS: ControlSupport
CONTROL_SUPPORT_NONE: ControlSupport

class TempoCapability(_message.Message):
    __slots__ = ("means", "bpm", "obeyed_share")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    BPM_FIELD_NUMBER: _ClassVar[int]
    OBEYED_SHARE_FIELD_NUMBER: _ClassVar[int]
    means: ControlMeans
    bpm: _containers.RepeatedScalarFieldContainer[float]
    obeyed_share: float
    def __init__(self, means: _Optional[_Union[ControlMeans, str]] = ..., bpm: _Optional[_Iterable[float]] = ..., obeyed_share: _Optional[float] = ...) -> None: ...

class KeyCapability(_message.Message):
    __slots__ = ("means", "names", "obeyed_share")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    OBEYED_SHARE_FIELD_NUMBER: _ClassVar[int]
    means: ControlMeans
    names: _containers.RepeatedScalarFieldContainer[str]
    obeyed_share: float
    def __init__(self, means: _Optional[_Union[ControlMeans, str]] = ..., names: _Optional[_Iterable[str]] = ..., obeyed_share: _Optional[float] = ...) -> None: ...

class ModelCapabilities(_message.Message):
    __slots__ = ("melody", "stereo", "steering", "live", "tempo", "key", "metres", "negative_prompt", "prompt_languages")
    MELODY_FIELD_NUMBER: _ClassVar[int]
    STEREO_FIELD_NUMBER: _ClassVar[int]
    STEERING_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    METRES_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    melody: bool
    stereo: bool
    steering: bool
    live: bool
    tempo: TempoCapability
    key: KeyCapability
    metres: _containers.RepeatedScalarFieldContainer[str]
    negative_prompt: bool
    prompt_languages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, melody: _Optional[bool] = ..., stereo: _Optional[bool] = ..., steering: _Optional[bool] = ..., live: _Optional[bool] = ..., tempo: _Optional[_Union[TempoCapability, _Mapping]] = ..., key: _Optional[_Union[KeyCapability, _Mapping]] = ..., metres: _Optional[_Iterable[str]] = ..., negative_prompt: _Optional[bool] = ..., prompt_languages: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("model_id", "digest", "backend", "sample_rate_hz", "frame_rate_hz", "codebook_count", "layer_count", "hidden_size", "trained_duration_s", "take_duration_s_max", "capabilities", "weights_license", "training_data", "precision", "slot_count", "limits_note")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CODEBOOK_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAYER_COUNT_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_SIZE_FIELD_NUMBER: _ClassVar[int]
    TRAINED_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    TAKE_DURATION_S_MAX_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_LICENSE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_DATA_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    SLOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_NOTE_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    digest: str
    backend: str
    sample_rate_hz: int
    frame_rate_hz: float
    codebook_count: int
    layer_count: int
    hidden_size: int
    trained_duration_s: float
    take_duration_s_max: float
    capabilities: ModelCapabilities
    weights_license: str
    training_data: str
    precision: str
    slot_count: int
    limits_note: str
    def __init__(self, model_id: _Optional[str] = ..., digest: _Optional[str] = ..., backend: _Optional[str] = ..., sample_rate_hz: _Optional[int] = ..., frame_rate_hz: _Optional[float] = ..., codebook_count: _Optional[int] = ..., layer_count: _Optional[int] = ..., hidden_size: _Optional[int] = ..., trained_duration_s: _Optional[float] = ..., take_duration_s_max: _Optional[float] = ..., capabilities: _Optional[_Union[ModelCapabilities, _Mapping]] = ..., weights_license: _Optional[str] = ..., training_data: _Optional[str] = ..., precision: _Optional[str] = ..., slot_count: _Optional[int] = ..., limits_note: _Optional[str] = ...) -> None: ...

class Melody(_message.Message):
    __slots__ = ("wav",)
    WAV_FIELD_NUMBER: _ClassVar[int]
    wav: bytes
    def __init__(self, wav: _Optional[bytes] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ("request_id", "start_s", "end_s")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    start_s: float
    end_s: float
    def __init__(self, request_id: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ...) -> None: ...

class OriginSound(_message.Message):
    __slots__ = ("data", "upload_id", "filename")
    DATA_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    upload_id: str
    filename: str
    def __init__(self, data: _Optional[bytes] = ..., upload_id: _Optional[str] = ..., filename: _Optional[str] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("request_id", "recipe", "duration_s", "seed", "chunk_s", "resume_sample_offset", "melody", "is_transient", "origin", "is_background", "origin_sound", "loop", "recipe_changes", "backend")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_S_FIELD_NUMBER: _ClassVar[int]
    RESUME_SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MELODY_FIELD_NUMBER: _ClassVar[int]
    IS_TRANSIENT_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    IS_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_SOUND_FIELD_NUMBER: _ClassVar[int]
    LOOP_FIELD_NUMBER: _ClassVar[int]
    RECIPE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    recipe: _steering_pb2.Recipe
    duration_s: float
    seed: int
    chunk_s: float
    resume_sample_offset: int
    melody: Melody
    is_transient: bool
    origin: Origin
    is_background: bool
    origin_sound: OriginSound
    loop: bool
    recipe_changes: _containers.RepeatedCompositeFieldContainer[ScheduledRecipe]
    backend: str
    def __init__(self, request_id: _Optional[str] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., duration_s: _Optional[float] = ..., seed: _Optional[int] = ..., chunk_s: _Optional[float] = ..., resume_sample_offset: _Optional[int] = ..., melody: _Optional[_Union[Melody, _Mapping]] = ..., is_transient: _Optional[bool] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., is_background: _Optional[bool] = ..., origin_sound: _Optional[_Union[OriginSound, _Mapping]] = ..., loop: _Optional[bool] = ..., recipe_changes: _Optional[_Iterable[_Union[ScheduledRecipe, _Mapping]]] = ..., backend: _Optional[str] = ...) -> None: ...

class ScheduledRecipe(_message.Message):
    __slots__ = ("start_s", "recipe")
    START_S_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    recipe: _steering_pb2.Recipe
    def __init__(self, start_s: _Optional[float] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ...) -> None: ...

class GenerateVariationsRequest(_message.Message):
    __slots__ = ("request", "count")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    request: GenerateRequest
    count: int
    def __init__(self, request: _Optional[_Union[GenerateRequest, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class VariationFailed(_message.Message):
    __slots__ = ("reason", "message", "retry_after_s")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    retry_after_s: float
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., retry_after_s: _Optional[float] = ...) -> None: ...

class GenerateVariationsResponse(_message.Message):
    __slots__ = ("variation", "response", "failed")
    VARIATION_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    variation: int
    response: GenerateResponse
    failed: VariationFailed
    def __init__(self, variation: _Optional[int] = ..., response: _Optional[_Union[GenerateResponse, _Mapping]] = ..., failed: _Optional[_Union[VariationFailed, _Mapping]] = ...) -> None: ...

class GenerationStarted(_message.Message):
    __slots__ = ("request_id", "format", "sample_count_total", "seed", "recipe_id", "recipe", "model", "notices", "played", "audio_sha256", "narration", "origin_sound", "is_loop")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SHA256_FIELD_NUMBER: _ClassVar[int]
    NARRATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_SOUND_FIELD_NUMBER: _ClassVar[int]
    IS_LOOP_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    format: _audio_pb2.AudioFormat
    sample_count_total: int
    seed: int
    recipe_id: str
    recipe: _steering_pb2.Recipe
    model: ModelInfo
    notices: _containers.RepeatedScalarFieldContainer[str]
    played: _containers.RepeatedCompositeFieldContainer[_steering_pb2.PlayedStrength]
    audio_sha256: str
    narration: Narration
    origin_sound: ContinuedSound
    is_loop: bool
    def __init__(self, request_id: _Optional[str] = ..., format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., sample_count_total: _Optional[int] = ..., seed: _Optional[int] = ..., recipe_id: _Optional[str] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., notices: _Optional[_Iterable[str]] = ..., played: _Optional[_Iterable[_Union[_steering_pb2.PlayedStrength, _Mapping]]] = ..., audio_sha256: _Optional[str] = ..., narration: _Optional[_Union[Narration, _Mapping]] = ..., origin_sound: _Optional[_Union[ContinuedSound, _Mapping]] = ..., is_loop: _Optional[bool] = ...) -> None: ...

class GenerationProgress(_message.Message):
    __slots__ = ("sample_count", "sample_count_total")
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_TOTAL_FIELD_NUMBER: _ClassVar[int]
    sample_count: int
    sample_count_total: int
    def __init__(self, sample_count: _Optional[int] = ..., sample_count_total: _Optional[int] = ...) -> None: ...

class GenerationQueued(_message.Message):
    __slots__ = ("place", "wait_s", "is_parked")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    IS_PARKED_FIELD_NUMBER: _ClassVar[int]
    place: int
    wait_s: float
    is_parked: bool
    def __init__(self, place: _Optional[int] = ..., wait_s: _Optional[float] = ..., is_parked: _Optional[bool] = ...) -> None: ...

class GenerationFinished(_message.Message):
    __slots__ = ("end", "take")
    END_FIELD_NUMBER: _ClassVar[int]
    TAKE_FIELD_NUMBER: _ClassVar[int]
    end: _audio_pb2.StreamEnd
    take: Take
    def __init__(self, end: _Optional[_Union[_audio_pb2.StreamEnd, _Mapping]] = ..., take: _Optional[_Union[Take, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("started", "chunk", "finished", "queued", "progress")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    started: GenerationStarted
    chunk: _audio_pb2.AudioChunk
    finished: GenerationFinished
    queued: GenerationQueued
    progress: GenerationProgress
    def __init__(self, started: _Optional[_Union[GenerationStarted, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ..., finished: _Optional[_Union[GenerationFinished, _Mapping]] = ..., queued: _Optional[_Union[GenerationQueued, _Mapping]] = ..., progress: _Optional[_Union[GenerationProgress, _Mapping]] = ...) -> None: ...

class AskedMusic(_message.Message):
    __slots__ = ("bpm", "key", "metre", "told_bpm", "told_key")
    BPM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    METRE_FIELD_NUMBER: _ClassVar[int]
    TOLD_BPM_FIELD_NUMBER: _ClassVar[int]
    TOLD_KEY_FIELD_NUMBER: _ClassVar[int]
    bpm: float
    key: str
    metre: str
    told_bpm: float
    told_key: str
    def __init__(self, bpm: _Optional[float] = ..., key: _Optional[str] = ..., metre: _Optional[str] = ..., told_bpm: _Optional[float] = ..., told_key: _Optional[str] = ...) -> None: ...

class HeardMusic(_message.Message):
    __slots__ = ("bpm", "bpm_confidence", "no_bpm", "key", "key_confidence", "no_key")
    BPM_FIELD_NUMBER: _ClassVar[int]
    BPM_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NO_BPM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NO_KEY_FIELD_NUMBER: _ClassVar[int]
    bpm: float
    bpm_confidence: float
    no_bpm: str
    key: str
    key_confidence: float
    no_key: str
    def __init__(self, bpm: _Optional[float] = ..., bpm_confidence: _Optional[float] = ..., no_bpm: _Optional[str] = ..., key: _Optional[str] = ..., key_confidence: _Optional[float] = ..., no_key: _Optional[str] = ...) -> None: ...

class ContinuedSound(_message.Message):
    __slots__ = ("sha256", "filename", "new_start_s")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    NEW_START_S_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    filename: str
    new_start_s: float
    def __init__(self, sha256: _Optional[str] = ..., filename: _Optional[str] = ..., new_start_s: _Optional[float] = ...) -> None: ...

class Loop(_message.Message):
    __slots__ = ("bpm", "bar_count", "beats_per_bar", "no_bars", "crossfade_s", "seam_flux_ratio", "seam_level_db", "inner_level_db")
    BPM_FIELD_NUMBER: _ClassVar[int]
    BAR_COUNT_FIELD_NUMBER: _ClassVar[int]
    BEATS_PER_BAR_FIELD_NUMBER: _ClassVar[int]
    NO_BARS_FIELD_NUMBER: _ClassVar[int]
    CROSSFADE_S_FIELD_NUMBER: _ClassVar[int]
    SEAM_FLUX_RATIO_FIELD_NUMBER: _ClassVar[int]
    SEAM_LEVEL_DB_FIELD_NUMBER: _ClassVar[int]
    INNER_LEVEL_DB_FIELD_NUMBER: _ClassVar[int]
    bpm: float
    bar_count: int
    beats_per_bar: int
    no_bars: str
    crossfade_s: float
    seam_flux_ratio: float
    seam_level_db: float
    inner_level_db: float
    def __init__(self, bpm: _Optional[float] = ..., bar_count: _Optional[int] = ..., beats_per_bar: _Optional[int] = ..., no_bars: _Optional[str] = ..., crossfade_s: _Optional[float] = ..., seam_flux_ratio: _Optional[float] = ..., seam_level_db: _Optional[float] = ..., inner_level_db: _Optional[float] = ...) -> None: ...

class Take(_message.Message):
    __slots__ = ("request_id", "recipe", "seed", "format", "duration_s", "bpm", "model", "audio_key", "audio_sha256", "create_time", "recipe_id", "codes_key", "codes_sha256", "origin", "chunk_s", "melody_sha256", "notices", "played", "narration", "asked", "heard", "origin_sound", "loop", "recipe_changes", "is_performed", "backend", "lyrics", "cost_usd")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    BPM_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_KEY_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    CODES_KEY_FIELD_NUMBER: _ClassVar[int]
    CODES_SHA256_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_S_FIELD_NUMBER: _ClassVar[int]
    MELODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    NARRATION_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_SOUND_FIELD_NUMBER: _ClassVar[int]
    LOOP_FIELD_NUMBER: _ClassVar[int]
    RECIPE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    IS_PERFORMED_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    LYRICS_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    recipe: _steering_pb2.Recipe
    seed: int
    format: _audio_pb2.AudioFormat
    duration_s: float
    bpm: float
    model: ModelInfo
    audio_key: str
    audio_sha256: str
    create_time: _timestamp_pb2.Timestamp
    recipe_id: str
    codes_key: str
    codes_sha256: str
    origin: Origin
    chunk_s: float
    melody_sha256: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    played: _containers.RepeatedCompositeFieldContainer[_steering_pb2.PlayedStrength]
    narration: Narration
    asked: AskedMusic
    heard: HeardMusic
    origin_sound: ContinuedSound
    loop: Loop
    recipe_changes: _containers.RepeatedCompositeFieldContainer[RecipeChange]
    is_performed: bool
    backend: str
    lyrics: str
    cost_usd: float
    def __init__(self, request_id: _Optional[str] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., seed: _Optional[int] = ..., format: _Optional[_Union[_audio_pb2.AudioFormat, _Mapping]] = ..., duration_s: _Optional[float] = ..., bpm: _Optional[float] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., audio_key: _Optional[str] = ..., audio_sha256: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recipe_id: _Optional[str] = ..., codes_key: _Optional[str] = ..., codes_sha256: _Optional[str] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., chunk_s: _Optional[float] = ..., melody_sha256: _Optional[str] = ..., notices: _Optional[_Iterable[str]] = ..., played: _Optional[_Iterable[_Union[_steering_pb2.PlayedStrength, _Mapping]]] = ..., narration: _Optional[_Union[Narration, _Mapping]] = ..., asked: _Optional[_Union[AskedMusic, _Mapping]] = ..., heard: _Optional[_Union[HeardMusic, _Mapping]] = ..., origin_sound: _Optional[_Union[ContinuedSound, _Mapping]] = ..., loop: _Optional[_Union[Loop, _Mapping]] = ..., recipe_changes: _Optional[_Iterable[_Union[RecipeChange, _Mapping]]] = ..., is_performed: _Optional[bool] = ..., backend: _Optional[str] = ..., lyrics: _Optional[str] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class Narration(_message.Message):
    __slots__ = ("take_request_id", "voice_id", "sentences", "request_digest")
    TAKE_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    take_request_id: str
    voice_id: str
    sentences: _containers.RepeatedCompositeFieldContainer[SpokenSentence]
    request_digest: str
    def __init__(self, take_request_id: _Optional[str] = ..., voice_id: _Optional[str] = ..., sentences: _Optional[_Iterable[_Union[SpokenSentence, _Mapping]]] = ..., request_digest: _Optional[str] = ...) -> None: ...

class SpokenSentence(_message.Message):
    __slots__ = ("text", "start_s", "end_s", "section")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_s: float
    end_s: float
    section: int
    def __init__(self, text: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., section: _Optional[int] = ...) -> None: ...

class AddVersionRequest(_message.Message):
    __slots__ = ("opening", "pcm")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    PCM_FIELD_NUMBER: _ClassVar[int]
    opening: VersionOpening
    pcm: bytes
    def __init__(self, opening: _Optional[_Union[VersionOpening, _Mapping]] = ..., pcm: _Optional[bytes] = ...) -> None: ...

class VersionOpening(_message.Message):
    __slots__ = ("take_request_id", "request_id", "narration", "notices", "cost_usd")
    TAKE_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NARRATION_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    take_request_id: str
    request_id: str
    narration: Narration
    notices: _containers.RepeatedScalarFieldContainer[str]
    cost_usd: float
    def __init__(self, take_request_id: _Optional[str] = ..., request_id: _Optional[str] = ..., narration: _Optional[_Union[Narration, _Mapping]] = ..., notices: _Optional[_Iterable[str]] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class AddVersionResponse(_message.Message):
    __slots__ = ("take",)
    TAKE_FIELD_NUMBER: _ClassVar[int]
    take: Take
    def __init__(self, take: _Optional[_Union[Take, _Mapping]] = ...) -> None: ...

class PerformOpening(_message.Message):
    __slots__ = ("request_id", "recipe", "seed", "chunk_s", "melody", "backend", "keep")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_S_FIELD_NUMBER: _ClassVar[int]
    MELODY_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    recipe: _steering_pb2.Recipe
    seed: int
    chunk_s: float
    melody: Melody
    backend: str
    keep: bool
    def __init__(self, request_id: _Optional[str] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., seed: _Optional[int] = ..., chunk_s: _Optional[float] = ..., melody: _Optional[_Union[Melody, _Mapping]] = ..., backend: _Optional[str] = ..., keep: _Optional[bool] = ...) -> None: ...

class PerformControl(_message.Message):
    __slots__ = ("recipe", "command", "melody", "without_melody")
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    MELODY_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_MELODY_FIELD_NUMBER: _ClassVar[int]
    recipe: _steering_pb2.Recipe
    command: PlaybackCommand
    melody: Melody
    without_melody: bool
    def __init__(self, recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., command: _Optional[_Union[PlaybackCommand, str]] = ..., melody: _Optional[_Union[Melody, _Mapping]] = ..., without_melody: _Optional[bool] = ...) -> None: ...

class PerformRequest(_message.Message):
    __slots__ = ("opening", "control")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    opening: PerformOpening
    control: PerformControl
    def __init__(self, opening: _Optional[_Union[PerformOpening, _Mapping]] = ..., control: _Optional[_Union[PerformControl, _Mapping]] = ...) -> None: ...

class RecipeInForce(_message.Message):
    __slots__ = ("recipe_id", "recipe", "sample_offset", "fault", "melody_sha256", "notices", "played")
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    MELODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    recipe_id: str
    recipe: _steering_pb2.Recipe
    sample_offset: int
    fault: str
    melody_sha256: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    played: _containers.RepeatedCompositeFieldContainer[_steering_pb2.PlayedStrength]
    def __init__(self, recipe_id: _Optional[str] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., sample_offset: _Optional[int] = ..., fault: _Optional[str] = ..., melody_sha256: _Optional[str] = ..., notices: _Optional[_Iterable[str]] = ..., played: _Optional[_Iterable[_Union[_steering_pb2.PlayedStrength, _Mapping]]] = ...) -> None: ...

class PerformResponse(_message.Message):
    __slots__ = ("started", "chunk", "recipe", "finished", "queued")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    started: GenerationStarted
    chunk: _audio_pb2.AudioChunk
    recipe: RecipeInForce
    finished: _audio_pb2.StreamEnd
    queued: GenerationQueued
    def __init__(self, started: _Optional[_Union[GenerationStarted, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ..., recipe: _Optional[_Union[RecipeInForce, _Mapping]] = ..., finished: _Optional[_Union[_audio_pb2.StreamEnd, _Mapping]] = ..., queued: _Optional[_Union[GenerationQueued, _Mapping]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BackendControl(_message.Message):
    __slots__ = ("name", "support")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    name: str
    support: ControlSupport
    def __init__(self, name: _Optional[str] = ..., support: _Optional[_Union[ControlSupport, str]] = ...) -> None: ...

class BackendInfo(_message.Message):
    __slots__ = ("name", "model", "makes_takes", "performs", "is_local", "controls", "sample_rate_hz", "channel_count", "price_usd", "price_unit", "price_day")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAKES_TAKES_FIELD_NUMBER: _ClassVar[int]
    PERFORMS_FIELD_NUMBER: _ClassVar[int]
    IS_LOCAL_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRICE_USD_FIELD_NUMBER: _ClassVar[int]
    PRICE_UNIT_FIELD_NUMBER: _ClassVar[int]
    PRICE_DAY_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    makes_takes: bool
    performs: bool
    is_local: bool
    controls: _containers.RepeatedCompositeFieldContainer[BackendControl]
    sample_rate_hz: int
    channel_count: int
    price_usd: float
    price_unit: str
    price_day: str
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., makes_takes: _Optional[bool] = ..., performs: _Optional[bool] = ..., is_local: _Optional[bool] = ..., controls: _Optional[_Iterable[_Union[BackendControl, _Mapping]]] = ..., sample_rate_hz: _Optional[int] = ..., channel_count: _Optional[int] = ..., price_usd: _Optional[float] = ..., price_unit: _Optional[str] = ..., price_day: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "backends")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    model: ModelInfo
    backends: _containers.RepeatedCompositeFieldContainer[BackendInfo]
    def __init__(self, model: _Optional[_Union[ModelInfo, _Mapping]] = ..., backends: _Optional[_Iterable[_Union[BackendInfo, _Mapping]]] = ...) -> None: ...

class ListTakesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTakesResponse(_message.Message):
    __slots__ = ("takes", "next_page_token")
    TAKES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    takes: _containers.RepeatedCompositeFieldContainer[Take]
    next_page_token: str
    def __init__(self, takes: _Optional[_Iterable[_Union[Take, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetTakeRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class GetTakeResponse(_message.Message):
    __slots__ = ("take",)
    TAKE_FIELD_NUMBER: _ClassVar[int]
    take: Take
    def __init__(self, take: _Optional[_Union[Take, _Mapping]] = ...) -> None: ...

class GetTakeTimelineRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class GetTakeTimelineResponse(_message.Message):
    __slots__ = ("timeline",)
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    timeline: TakeTimeline
    def __init__(self, timeline: _Optional[_Union[TakeTimeline, _Mapping]] = ...) -> None: ...

class TakeTimeline(_message.Message):
    __slots__ = ("request_id", "sample_rate_hz", "recipe_changes", "rate_hz", "curves", "notices", "digest")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    RECIPE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CURVES_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sample_rate_hz: int
    recipe_changes: _containers.RepeatedCompositeFieldContainer[RecipeChange]
    rate_hz: float
    curves: _containers.RepeatedCompositeFieldContainer[SliderCurve]
    notices: _containers.RepeatedScalarFieldContainer[str]
    digest: str
    def __init__(self, request_id: _Optional[str] = ..., sample_rate_hz: _Optional[int] = ..., recipe_changes: _Optional[_Iterable[_Union[RecipeChange, _Mapping]]] = ..., rate_hz: _Optional[float] = ..., curves: _Optional[_Iterable[_Union[SliderCurve, _Mapping]]] = ..., notices: _Optional[_Iterable[str]] = ..., digest: _Optional[str] = ...) -> None: ...

class RecipeChange(_message.Message):
    __slots__ = ("sample_offset", "recipe", "recipe_id")
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    sample_offset: int
    recipe: _steering_pb2.Recipe
    recipe_id: str
    def __init__(self, sample_offset: _Optional[int] = ..., recipe: _Optional[_Union[_steering_pb2.Recipe, _Mapping]] = ..., recipe_id: _Optional[str] = ...) -> None: ...

class SliderCurve(_message.Message):
    __slots__ = ("slider", "values")
    SLIDER_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    slider: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, slider: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class StreamTakeRequest(_message.Message):
    __slots__ = ("request_id", "sample_offset")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    sample_offset: int
    def __init__(self, request_id: _Optional[str] = ..., sample_offset: _Optional[int] = ...) -> None: ...

class StreamTakeResponse(_message.Message):
    __slots__ = ("started", "chunk", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: GenerationStarted
    chunk: _audio_pb2.AudioChunk
    finished: GenerationFinished
    def __init__(self, started: _Optional[_Union[GenerationStarted, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ..., finished: _Optional[_Union[GenerationFinished, _Mapping]] = ...) -> None: ...

class DeleteTakeRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class DeleteTakeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
