import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import audio_pb2 as _audio_pb2
from resonance.v1 import generate_pb2 as _generate_pb2
from resonance.v1 import ingest_pb2 as _ingest_pb2
from resonance.v1 import jobs_pb2 as _jobs_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from resonance.v1 import steering_pb2 as _steering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CalibrationJobKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALIBRATION_JOB_KIND_UNSPECIFIED: _ClassVar[CalibrationJobKind]
    CALIBRATION_JOB_KIND_RANGE: _ClassVar[CalibrationJobKind]
    CALIBRATION_JOB_KIND_LAYERS: _ClassVar[CalibrationJobKind]
    CALIBRATION_JOB_KIND_REFERENCE: _ClassVar[CalibrationJobKind]

class CalibrationJobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALIBRATION_JOB_STATE_UNSPECIFIED: _ClassVar[CalibrationJobState]
    CALIBRATION_JOB_STATE_RUNNING: _ClassVar[CalibrationJobState]
    CALIBRATION_JOB_STATE_COMPLETED: _ClassVar[CalibrationJobState]
    CALIBRATION_JOB_STATE_FAILED: _ClassVar[CalibrationJobState]
    CALIBRATION_JOB_STATE_CANCELLED: _ClassVar[CalibrationJobState]

class AdoptionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADOPTION_STATE_UNSPECIFIED: _ClassVar[AdoptionState]
    ADOPTION_STATE_IDLE: _ClassVar[AdoptionState]
    ADOPTION_STATE_RUNNING: _ClassVar[AdoptionState]
    ADOPTION_STATE_COMPLETED: _ClassVar[AdoptionState]
    ADOPTION_STATE_FAILED: _ClassVar[AdoptionState]
CALIBRATION_JOB_KIND_UNSPECIFIED: CalibrationJobKind
CALIBRATION_JOB_KIND_RANGE: CalibrationJobKind
CALIBRATION_JOB_KIND_LAYERS: CalibrationJobKind
CALIBRATION_JOB_KIND_REFERENCE: CalibrationJobKind
CALIBRATION_JOB_STATE_UNSPECIFIED: CalibrationJobState
CALIBRATION_JOB_STATE_RUNNING: CalibrationJobState
CALIBRATION_JOB_STATE_COMPLETED: CalibrationJobState
CALIBRATION_JOB_STATE_FAILED: CalibrationJobState
CALIBRATION_JOB_STATE_CANCELLED: CalibrationJobState
ADOPTION_STATE_UNSPECIFIED: AdoptionState
ADOPTION_STATE_IDLE: AdoptionState
ADOPTION_STATE_RUNNING: AdoptionState
ADOPTION_STATE_COMPLETED: AdoptionState
ADOPTION_STATE_FAILED: AdoptionState

class GetExtractorRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetExtractorResponse(_message.Message):
    __slots__ = ("model", "clip_s", "hop_s", "clip_min_s", "reader")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CLIP_S_FIELD_NUMBER: _ClassVar[int]
    HOP_S_FIELD_NUMBER: _ClassVar[int]
    CLIP_MIN_S_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    model: _generate_pb2.ModelInfo
    clip_s: float
    hop_s: float
    clip_min_s: float
    reader: str
    def __init__(self, model: _Optional[_Union[_generate_pb2.ModelInfo, _Mapping]] = ..., clip_s: _Optional[float] = ..., hop_s: _Optional[float] = ..., clip_min_s: _Optional[float] = ..., reader: _Optional[str] = ...) -> None: ...

class ExtractionTrack(_message.Message):
    __slots__ = ("title", "sha256", "duration_s", "clip_count", "index")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    CLIP_COUNT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    title: str
    sha256: str
    duration_s: float
    clip_count: int
    index: int
    def __init__(self, title: _Optional[str] = ..., sha256: _Optional[str] = ..., duration_s: _Optional[float] = ..., clip_count: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class ExtractionStart(_message.Message):
    __slots__ = ("taste_id", "tracks", "options", "title")
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    tracks: _containers.RepeatedCompositeFieldContainer[ExtractionTrack]
    options: _steering_pb2.TasteOptions
    title: str
    def __init__(self, taste_id: _Optional[str] = ..., tracks: _Optional[_Iterable[_Union[ExtractionTrack, _Mapping]]] = ..., options: _Optional[_Union[_steering_pb2.TasteOptions, _Mapping]] = ..., title: _Optional[str] = ...) -> None: ...

class ExtractTasteRequest(_message.Message):
    __slots__ = ("start", "clip", "chunk")
    START_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    start: ExtractionStart
    clip: _ingest_pb2.ClipOpening
    chunk: _audio_pb2.AudioChunk
    def __init__(self, start: _Optional[_Union[ExtractionStart, _Mapping]] = ..., clip: _Optional[_Union[_ingest_pb2.ClipOpening, _Mapping]] = ..., chunk: _Optional[_Union[_audio_pb2.AudioChunk, _Mapping]] = ...) -> None: ...

class ExtractionPlan(_message.Message):
    __slots__ = ("track_indices", "clips_known")
    TRACK_INDICES_FIELD_NUMBER: _ClassVar[int]
    CLIPS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    track_indices: _containers.RepeatedScalarFieldContainer[int]
    clips_known: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, track_indices: _Optional[_Iterable[int]] = ..., clips_known: _Optional[_Iterable[int]] = ...) -> None: ...

class ExtractionProgress(_message.Message):
    __slots__ = ("track_index", "clips_done")
    TRACK_INDEX_FIELD_NUMBER: _ClassVar[int]
    CLIPS_DONE_FIELD_NUMBER: _ClassVar[int]
    track_index: int
    clips_done: int
    def __init__(self, track_index: _Optional[int] = ..., clips_done: _Optional[int] = ...) -> None: ...

class ExtractionTrackFault(_message.Message):
    __slots__ = ("track_index", "fault")
    TRACK_INDEX_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    track_index: int
    fault: _jobs_pb2.Fault
    def __init__(self, track_index: _Optional[int] = ..., fault: _Optional[_Union[_jobs_pb2.Fault, _Mapping]] = ...) -> None: ...

class ExtractTasteResponse(_message.Message):
    __slots__ = ("plan", "progress", "track_fault", "taste")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TRACK_FAULT_FIELD_NUMBER: _ClassVar[int]
    TASTE_FIELD_NUMBER: _ClassVar[int]
    plan: ExtractionPlan
    progress: ExtractionProgress
    track_fault: ExtractionTrackFault
    taste: _steering_pb2.TasteSummary
    def __init__(self, plan: _Optional[_Union[ExtractionPlan, _Mapping]] = ..., progress: _Optional[_Union[ExtractionProgress, _Mapping]] = ..., track_fault: _Optional[_Union[ExtractionTrackFault, _Mapping]] = ..., taste: _Optional[_Union[_steering_pb2.TasteSummary, _Mapping]] = ...) -> None: ...

class GetTasteRequest(_message.Message):
    __slots__ = ("taste_id",)
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    def __init__(self, taste_id: _Optional[str] = ...) -> None: ...

class GetTasteResponse(_message.Message):
    __slots__ = ("taste",)
    TASTE_FIELD_NUMBER: _ClassVar[int]
    taste: _steering_pb2.TasteSummary
    def __init__(self, taste: _Optional[_Union[_steering_pb2.TasteSummary, _Mapping]] = ...) -> None: ...

class DeleteTasteRequest(_message.Message):
    __slots__ = ("taste_id",)
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    def __init__(self, taste_id: _Optional[str] = ...) -> None: ...

class DeleteTasteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PromptPair(_message.Message):
    __slots__ = ("positive", "negative")
    POSITIVE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_FIELD_NUMBER: _ClassVar[int]
    positive: str
    negative: str
    def __init__(self, positive: _Optional[str] = ..., negative: _Optional[str] = ...) -> None: ...

class MusicSource(_message.Message):
    __slots__ = ("taste_id", "track_indices", "take_id")
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    TRACK_INDICES_FIELD_NUMBER: _ClassVar[int]
    TAKE_ID_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    track_indices: _containers.RepeatedScalarFieldContainer[int]
    take_id: str
    def __init__(self, taste_id: _Optional[str] = ..., track_indices: _Optional[_Iterable[int]] = ..., take_id: _Optional[str] = ...) -> None: ...

class MusicPair(_message.Message):
    __slots__ = ("positive", "negative")
    POSITIVE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_FIELD_NUMBER: _ClassVar[int]
    positive: MusicSource
    negative: MusicSource
    def __init__(self, positive: _Optional[_Union[MusicSource, _Mapping]] = ..., negative: _Optional[_Union[MusicSource, _Mapping]] = ...) -> None: ...

class LayerScore(_message.Message):
    __slots__ = ("layer", "auc", "norm", "separation")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    AUC_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    SEPARATION_FIELD_NUMBER: _ClassVar[int]
    layer: int
    auc: float
    norm: float
    separation: float
    def __init__(self, layer: _Optional[int] = ..., auc: _Optional[float] = ..., norm: _Optional[float] = ..., separation: _Optional[float] = ...) -> None: ...

class CalibrationPoint(_message.Message):
    __slots__ = ("strength", "rms", "clipped_share", "silent_share", "flatness", "distance_db", "passed", "failed_gates", "effect", "log_likelihood", "repetition", "failed_clips", "clip_count", "frechet_ratio", "effect_error")
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    RMS_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_SHARE_FIELD_NUMBER: _ClassVar[int]
    SILENT_SHARE_FIELD_NUMBER: _ClassVar[int]
    FLATNESS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_DB_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_GATES_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    LOG_LIKELIHOOD_FIELD_NUMBER: _ClassVar[int]
    REPETITION_FIELD_NUMBER: _ClassVar[int]
    FAILED_CLIPS_FIELD_NUMBER: _ClassVar[int]
    CLIP_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRECHET_RATIO_FIELD_NUMBER: _ClassVar[int]
    EFFECT_ERROR_FIELD_NUMBER: _ClassVar[int]
    strength: float
    rms: float
    clipped_share: float
    silent_share: float
    flatness: float
    distance_db: float
    passed: bool
    failed_gates: _containers.RepeatedScalarFieldContainer[str]
    effect: float
    log_likelihood: float
    repetition: float
    failed_clips: int
    clip_count: int
    frechet_ratio: float
    effect_error: float
    def __init__(self, strength: _Optional[float] = ..., rms: _Optional[float] = ..., clipped_share: _Optional[float] = ..., silent_share: _Optional[float] = ..., flatness: _Optional[float] = ..., distance_db: _Optional[float] = ..., passed: _Optional[bool] = ..., failed_gates: _Optional[_Iterable[str]] = ..., effect: _Optional[float] = ..., log_likelihood: _Optional[float] = ..., repetition: _Optional[float] = ..., failed_clips: _Optional[int] = ..., clip_count: _Optional[int] = ..., frechet_ratio: _Optional[float] = ..., effect_error: _Optional[float] = ...) -> None: ...

class RemapPoint(_message.Message):
    __slots__ = ("position", "strength")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    position: float
    strength: float
    def __init__(self, position: _Optional[float] = ..., strength: _Optional[float] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("strength_min", "strength_max", "points", "create_time", "remap", "faithful_min", "faithful_max", "reason_min", "reason_max", "is_trial")
    STRENGTH_MIN_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_MAX_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REMAP_FIELD_NUMBER: _ClassVar[int]
    FAITHFUL_MIN_FIELD_NUMBER: _ClassVar[int]
    FAITHFUL_MAX_FIELD_NUMBER: _ClassVar[int]
    REASON_MIN_FIELD_NUMBER: _ClassVar[int]
    REASON_MAX_FIELD_NUMBER: _ClassVar[int]
    IS_TRIAL_FIELD_NUMBER: _ClassVar[int]
    strength_min: float
    strength_max: float
    points: _containers.RepeatedCompositeFieldContainer[CalibrationPoint]
    create_time: _timestamp_pb2.Timestamp
    remap: _containers.RepeatedCompositeFieldContainer[RemapPoint]
    faithful_min: float
    faithful_max: float
    reason_min: str
    reason_max: str
    is_trial: bool
    def __init__(self, strength_min: _Optional[float] = ..., strength_max: _Optional[float] = ..., points: _Optional[_Iterable[_Union[CalibrationPoint, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., remap: _Optional[_Iterable[_Union[RemapPoint, _Mapping]]] = ..., faithful_min: _Optional[float] = ..., faithful_max: _Optional[float] = ..., reason_min: _Optional[str] = ..., reason_max: _Optional[str] = ..., is_trial: _Optional[bool] = ...) -> None: ...

class Separation(_message.Message):
    __slots__ = ("part_count", "auc", "chance")
    PART_COUNT_FIELD_NUMBER: _ClassVar[int]
    AUC_FIELD_NUMBER: _ClassVar[int]
    CHANCE_FIELD_NUMBER: _ClassVar[int]
    part_count: int
    auc: float
    chance: float
    def __init__(self, part_count: _Optional[int] = ..., auc: _Optional[float] = ..., chance: _Optional[float] = ...) -> None: ...

class Concept(_message.Message):
    __slots__ = ("name", "model_digest", "pairs", "built_in", "ready", "layers", "calibration", "unusable_reason", "vector_key", "vector_sha256", "create_time", "music_pairs", "layer_gains", "made_by", "natural_strength", "separation", "notice", "phrase", "prompt", "reaction")
    class LayerGainsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    UNUSABLE_REASON_FIELD_NUMBER: _ClassVar[int]
    VECTOR_KEY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MUSIC_PAIRS_FIELD_NUMBER: _ClassVar[int]
    LAYER_GAINS_FIELD_NUMBER: _ClassVar[int]
    MADE_BY_FIELD_NUMBER: _ClassVar[int]
    NATURAL_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    SEPARATION_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    PHRASE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    model_digest: str
    pairs: _containers.RepeatedCompositeFieldContainer[PromptPair]
    built_in: bool
    ready: bool
    layers: _containers.RepeatedCompositeFieldContainer[LayerScore]
    calibration: Calibration
    unusable_reason: str
    vector_key: str
    vector_sha256: str
    create_time: _timestamp_pb2.Timestamp
    music_pairs: _containers.RepeatedCompositeFieldContainer[MusicPair]
    layer_gains: _containers.ScalarMap[int, float]
    made_by: str
    natural_strength: float
    separation: Separation
    notice: str
    phrase: str
    prompt: str
    reaction: float
    def __init__(self, name: _Optional[str] = ..., model_digest: _Optional[str] = ..., pairs: _Optional[_Iterable[_Union[PromptPair, _Mapping]]] = ..., built_in: _Optional[bool] = ..., ready: _Optional[bool] = ..., layers: _Optional[_Iterable[_Union[LayerScore, _Mapping]]] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ..., unusable_reason: _Optional[str] = ..., vector_key: _Optional[str] = ..., vector_sha256: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., music_pairs: _Optional[_Iterable[_Union[MusicPair, _Mapping]]] = ..., layer_gains: _Optional[_Mapping[int, float]] = ..., made_by: _Optional[str] = ..., natural_strength: _Optional[float] = ..., separation: _Optional[_Union[Separation, _Mapping]] = ..., notice: _Optional[str] = ..., phrase: _Optional[str] = ..., prompt: _Optional[str] = ..., reaction: _Optional[float] = ...) -> None: ...

class ComputeConceptRequest(_message.Message):
    __slots__ = ("name", "pairs", "music_pairs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    MUSIC_PAIRS_FIELD_NUMBER: _ClassVar[int]
    name: str
    pairs: _containers.RepeatedCompositeFieldContainer[PromptPair]
    music_pairs: _containers.RepeatedCompositeFieldContainer[MusicPair]
    def __init__(self, name: _Optional[str] = ..., pairs: _Optional[_Iterable[_Union[PromptPair, _Mapping]]] = ..., music_pairs: _Optional[_Iterable[_Union[MusicPair, _Mapping]]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("done", "total", "waiting")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    waiting: str
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., waiting: _Optional[str] = ...) -> None: ...

class ComputeConceptResponse(_message.Message):
    __slots__ = ("progress", "concept")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    concept: Concept
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., concept: _Optional[_Union[Concept, _Mapping]] = ...) -> None: ...

class ListConceptsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListConceptsResponse(_message.Message):
    __slots__ = ("concepts",)
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    concepts: _containers.RepeatedCompositeFieldContainer[Concept]
    def __init__(self, concepts: _Optional[_Iterable[_Union[Concept, _Mapping]]] = ...) -> None: ...

class CalibrateConceptRequest(_message.Message):
    __slots__ = ("name", "strengths", "prompts", "clip_s", "apply")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STRENGTHS_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    CLIP_S_FIELD_NUMBER: _ClassVar[int]
    APPLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    strengths: _containers.RepeatedScalarFieldContainer[float]
    prompts: _containers.RepeatedScalarFieldContainer[str]
    clip_s: float
    apply: bool
    def __init__(self, name: _Optional[str] = ..., strengths: _Optional[_Iterable[float]] = ..., prompts: _Optional[_Iterable[str]] = ..., clip_s: _Optional[float] = ..., apply: _Optional[bool] = ...) -> None: ...

class CalibrateConceptResponse(_message.Message):
    __slots__ = ("progress", "concept")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    concept: Concept
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., concept: _Optional[_Union[Concept, _Mapping]] = ...) -> None: ...

class ScanLayersRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ScanLayersResponse(_message.Message):
    __slots__ = ("layers", "best_layers")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    BEST_LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[LayerScore]
    best_layers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, layers: _Optional[_Iterable[_Union[LayerScore, _Mapping]]] = ..., best_layers: _Optional[_Iterable[int]] = ...) -> None: ...

class LayerRendering(_message.Message):
    __slots__ = ("label", "effect_up", "effect_down", "passed")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EFFECT_UP_FIELD_NUMBER: _ClassVar[int]
    EFFECT_DOWN_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    label: str
    effect_up: float
    effect_down: float
    passed: bool
    def __init__(self, label: _Optional[str] = ..., effect_up: _Optional[float] = ..., effect_down: _Optional[float] = ..., passed: _Optional[bool] = ...) -> None: ...

class CalibrationJob(_message.Message):
    __slots__ = ("calibration_job_id", "kind", "concept", "taste_id", "state", "progress", "calibration", "renderings", "error", "create_time", "update_time", "reused", "reference", "layers", "layer_basis")
    CALIBRATION_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    RENDERINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    LAYER_BASIS_FIELD_NUMBER: _ClassVar[int]
    calibration_job_id: str
    kind: CalibrationJobKind
    concept: str
    taste_id: str
    state: CalibrationJobState
    progress: Progress
    calibration: Calibration
    renderings: _containers.RepeatedCompositeFieldContainer[LayerRendering]
    error: _jobs_pb2.Fault
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    reused: int
    reference: ReferenceSummary
    layers: _containers.RepeatedCompositeFieldContainer[LayerScore]
    layer_basis: str
    def __init__(self, calibration_job_id: _Optional[str] = ..., kind: _Optional[_Union[CalibrationJobKind, str]] = ..., concept: _Optional[str] = ..., taste_id: _Optional[str] = ..., state: _Optional[_Union[CalibrationJobState, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ..., renderings: _Optional[_Iterable[_Union[LayerRendering, _Mapping]]] = ..., error: _Optional[_Union[_jobs_pb2.Fault, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reused: _Optional[int] = ..., reference: _Optional[_Union[ReferenceSummary, _Mapping]] = ..., layers: _Optional[_Iterable[_Union[LayerScore, _Mapping]]] = ..., layer_basis: _Optional[str] = ...) -> None: ...

class ReferenceSummary(_message.Message):
    __slots__ = ("model_digest", "source", "piece_count", "object_key", "object_sha256", "calibration_job_id", "create_time")
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PIECE_COUNT_FIELD_NUMBER: _ClassVar[int]
    OBJECT_KEY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_SHA256_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    model_digest: str
    source: str
    piece_count: int
    object_key: str
    object_sha256: str
    calibration_job_id: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, model_digest: _Optional[str] = ..., source: _Optional[str] = ..., piece_count: _Optional[int] = ..., object_key: _Optional[str] = ..., object_sha256: _Optional[str] = ..., calibration_job_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetReferenceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetReferenceResponse(_message.Message):
    __slots__ = ("reference",)
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    reference: ReferenceSummary
    def __init__(self, reference: _Optional[_Union[ReferenceSummary, _Mapping]] = ...) -> None: ...

class GetCalibrationRequest(_message.Message):
    __slots__ = ("concept", "taste_id")
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    concept: str
    taste_id: str
    def __init__(self, concept: _Optional[str] = ..., taste_id: _Optional[str] = ...) -> None: ...

class GetCalibrationResponse(_message.Message):
    __slots__ = ("concept", "taste_id", "calibration", "strength_min", "strength_max")
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_MIN_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_MAX_FIELD_NUMBER: _ClassVar[int]
    concept: str
    taste_id: str
    calibration: Calibration
    strength_min: float
    strength_max: float
    def __init__(self, concept: _Optional[str] = ..., taste_id: _Optional[str] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ..., strength_min: _Optional[float] = ..., strength_max: _Optional[float] = ...) -> None: ...

class StartCalibrationJobRequest(_message.Message):
    __slots__ = ("kind", "concept", "taste_id", "strengths", "prompts", "clip_s", "music", "apply", "is_background")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    STRENGTHS_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    CLIP_S_FIELD_NUMBER: _ClassVar[int]
    MUSIC_FIELD_NUMBER: _ClassVar[int]
    APPLY_FIELD_NUMBER: _ClassVar[int]
    IS_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    kind: CalibrationJobKind
    concept: str
    taste_id: str
    strengths: _containers.RepeatedScalarFieldContainer[float]
    prompts: _containers.RepeatedScalarFieldContainer[str]
    clip_s: float
    music: _containers.RepeatedCompositeFieldContainer[MusicSource]
    apply: bool
    is_background: bool
    def __init__(self, kind: _Optional[_Union[CalibrationJobKind, str]] = ..., concept: _Optional[str] = ..., taste_id: _Optional[str] = ..., strengths: _Optional[_Iterable[float]] = ..., prompts: _Optional[_Iterable[str]] = ..., clip_s: _Optional[float] = ..., music: _Optional[_Iterable[_Union[MusicSource, _Mapping]]] = ..., apply: _Optional[bool] = ..., is_background: _Optional[bool] = ...) -> None: ...

class StartCalibrationJobResponse(_message.Message):
    __slots__ = ("calibration_job",)
    CALIBRATION_JOB_FIELD_NUMBER: _ClassVar[int]
    calibration_job: CalibrationJob
    def __init__(self, calibration_job: _Optional[_Union[CalibrationJob, _Mapping]] = ...) -> None: ...

class GetCalibrationJobRequest(_message.Message):
    __slots__ = ("calibration_job_id",)
    CALIBRATION_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    calibration_job_id: str
    def __init__(self, calibration_job_id: _Optional[str] = ...) -> None: ...

class GetCalibrationJobResponse(_message.Message):
    __slots__ = ("calibration_job",)
    CALIBRATION_JOB_FIELD_NUMBER: _ClassVar[int]
    calibration_job: CalibrationJob
    def __init__(self, calibration_job: _Optional[_Union[CalibrationJob, _Mapping]] = ...) -> None: ...

class WatchCalibrationJobRequest(_message.Message):
    __slots__ = ("calibration_job_id",)
    CALIBRATION_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    calibration_job_id: str
    def __init__(self, calibration_job_id: _Optional[str] = ...) -> None: ...

class WatchCalibrationJobResponse(_message.Message):
    __slots__ = ("calibration_job",)
    CALIBRATION_JOB_FIELD_NUMBER: _ClassVar[int]
    calibration_job: CalibrationJob
    def __init__(self, calibration_job: _Optional[_Union[CalibrationJob, _Mapping]] = ...) -> None: ...

class CancelCalibrationJobRequest(_message.Message):
    __slots__ = ("calibration_job_id",)
    CALIBRATION_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    calibration_job_id: str
    def __init__(self, calibration_job_id: _Optional[str] = ...) -> None: ...

class CancelCalibrationJobResponse(_message.Message):
    __slots__ = ("calibration_job",)
    CALIBRATION_JOB_FIELD_NUMBER: _ClassVar[int]
    calibration_job: CalibrationJob
    def __init__(self, calibration_job: _Optional[_Union[CalibrationJob, _Mapping]] = ...) -> None: ...

class AdoptionPart(_message.Message):
    __slots__ = ("name", "state", "done", "total", "note")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: AdoptionState
    done: int
    total: int
    note: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[AdoptionState, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class Adoption(_message.Message):
    __slots__ = ("model_digest", "state", "is_shipped", "parts", "progress", "seconds_left")
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IS_SHIPPED_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    model_digest: str
    state: AdoptionState
    is_shipped: bool
    parts: _containers.RepeatedCompositeFieldContainer[AdoptionPart]
    progress: Progress
    seconds_left: float
    def __init__(self, model_digest: _Optional[str] = ..., state: _Optional[_Union[AdoptionState, str]] = ..., is_shipped: _Optional[bool] = ..., parts: _Optional[_Iterable[_Union[AdoptionPart, _Mapping]]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., seconds_left: _Optional[float] = ...) -> None: ...

class GetAdoptionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAdoptionResponse(_message.Message):
    __slots__ = ("adoption",)
    ADOPTION_FIELD_NUMBER: _ClassVar[int]
    adoption: Adoption
    def __init__(self, adoption: _Optional[_Union[Adoption, _Mapping]] = ...) -> None: ...

class StartAdoptionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartAdoptionResponse(_message.Message):
    __slots__ = ("adoption",)
    ADOPTION_FIELD_NUMBER: _ClassVar[int]
    adoption: Adoption
    def __init__(self, adoption: _Optional[_Union[Adoption, _Mapping]] = ...) -> None: ...

class ExportAdoptionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportAdoptionResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ImportAdoptionRequest(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ImportAdoptionResponse(_message.Message):
    __slots__ = ("adoption", "object_count")
    ADOPTION_FIELD_NUMBER: _ClassVar[int]
    OBJECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    adoption: Adoption
    object_count: int
    def __init__(self, adoption: _Optional[_Union[Adoption, _Mapping]] = ..., object_count: _Optional[int] = ...) -> None: ...

class RefineRequest(_message.Message):
    __slots__ = ("text", "sliders", "previous", "concepts", "previous_concepts", "prompt")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SLIDERS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    text: str
    sliders: _steering_pb2.Sliders
    previous: _steering_pb2.Sliders
    concepts: _containers.RepeatedCompositeFieldContainer[_steering_pb2.ConceptPosition]
    previous_concepts: _containers.RepeatedCompositeFieldContainer[_steering_pb2.ConceptPosition]
    prompt: str
    def __init__(self, text: _Optional[str] = ..., sliders: _Optional[_Union[_steering_pb2.Sliders, _Mapping]] = ..., previous: _Optional[_Union[_steering_pb2.Sliders, _Mapping]] = ..., concepts: _Optional[_Iterable[_Union[_steering_pb2.ConceptPosition, _Mapping]]] = ..., previous_concepts: _Optional[_Iterable[_Union[_steering_pb2.ConceptPosition, _Mapping]]] = ..., prompt: _Optional[str] = ...) -> None: ...

class SliderChange(_message.Message):
    __slots__ = ("slider", "before", "after", "words")
    SLIDER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    slider: str
    before: float
    after: float
    words: str
    def __init__(self, slider: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ..., words: _Optional[str] = ...) -> None: ...

class RefinedConcept(_message.Message):
    __slots__ = ("name", "label", "position", "is_calibrated")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    IS_CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    position: float
    is_calibrated: bool
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ..., position: _Optional[float] = ..., is_calibrated: _Optional[bool] = ...) -> None: ...

class RefineResponse(_message.Message):
    __slots__ = ("sliders", "changes", "explanation", "not_understood", "source", "concepts", "concept_changes", "unknown_words")
    SLIDERS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    NOT_UNDERSTOOD_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_CHANGES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_WORDS_FIELD_NUMBER: _ClassVar[int]
    sliders: _steering_pb2.Sliders
    changes: _containers.RepeatedCompositeFieldContainer[SliderChange]
    explanation: str
    not_understood: _containers.RepeatedScalarFieldContainer[str]
    source: str
    concepts: _containers.RepeatedCompositeFieldContainer[RefinedConcept]
    concept_changes: _containers.RepeatedCompositeFieldContainer[SliderChange]
    unknown_words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sliders: _Optional[_Union[_steering_pb2.Sliders, _Mapping]] = ..., changes: _Optional[_Iterable[_Union[SliderChange, _Mapping]]] = ..., explanation: _Optional[str] = ..., not_understood: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., concepts: _Optional[_Iterable[_Union[RefinedConcept, _Mapping]]] = ..., concept_changes: _Optional[_Iterable[_Union[SliderChange, _Mapping]]] = ..., unknown_words: _Optional[_Iterable[str]] = ...) -> None: ...
