import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from resonance.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MixMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIX_MODE_UNSPECIFIED: _ClassVar[MixMode]
    MIX_MODE_MEAN: _ClassVar[MixMode]
    MIX_MODE_TIME_SELECT: _ClassVar[MixMode]
    MIX_MODE_ATTENTION_WEIGHTED: _ClassVar[MixMode]

class LayerMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYER_MODE_UNSPECIFIED: _ClassVar[LayerMode]
    LAYER_MODE_PER_LAYER: _ClassVar[LayerMode]
    LAYER_MODE_ONE_TO_ALL: _ClassVar[LayerMode]

class SteeringTarget(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEERING_TARGET_UNSPECIFIED: _ClassVar[SteeringTarget]
    STEERING_TARGET_CONDITIONAL: _ClassVar[SteeringTarget]
    STEERING_TARGET_BOTH: _ClassVar[SteeringTarget]

class DirectionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_KIND_UNSPECIFIED: _ClassVar[DirectionKind]
    DIRECTION_KIND_CONTRAST: _ClassVar[DirectionKind]
    DIRECTION_KIND_MEAN: _ClassVar[DirectionKind]
    DIRECTION_KIND_WORDS: _ClassVar[DirectionKind]

class Whitening(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WHITENING_UNSPECIFIED: _ClassVar[Whitening]
    WHITENING_NONE: _ClassVar[Whitening]
    WHITENING_DIAGONAL: _ClassVar[Whitening]
    WHITENING_SHRUNK: _ClassVar[Whitening]

class Stacking(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STACKING_UNSPECIFIED: _ClassVar[Stacking]
    STACKING_SUM: _ClassVar[Stacking]
    STACKING_JOINT: _ClassVar[Stacking]

class SteeringRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEERING_RULE_UNSPECIFIED: _ClassVar[SteeringRule]
    STEERING_RULE_ADD: _ClassVar[SteeringRule]
    STEERING_RULE_EASE: _ClassVar[SteeringRule]
    STEERING_RULE_CLAMP: _ClassVar[SteeringRule]

class SteeringKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEERING_KIND_UNSPECIFIED: _ClassVar[SteeringKind]
    STEERING_KIND_TASTE: _ClassVar[SteeringKind]
    STEERING_KIND_CONCEPT: _ClassVar[SteeringKind]
    STEERING_KIND_SLIDER: _ClassVar[SteeringKind]
MIX_MODE_UNSPECIFIED: MixMode
MIX_MODE_MEAN: MixMode
MIX_MODE_TIME_SELECT: MixMode
MIX_MODE_ATTENTION_WEIGHTED: MixMode
LAYER_MODE_UNSPECIFIED: LayerMode
LAYER_MODE_PER_LAYER: LayerMode
LAYER_MODE_ONE_TO_ALL: LayerMode
STEERING_TARGET_UNSPECIFIED: SteeringTarget
STEERING_TARGET_CONDITIONAL: SteeringTarget
STEERING_TARGET_BOTH: SteeringTarget
DIRECTION_KIND_UNSPECIFIED: DirectionKind
DIRECTION_KIND_CONTRAST: DirectionKind
DIRECTION_KIND_MEAN: DirectionKind
DIRECTION_KIND_WORDS: DirectionKind
WHITENING_UNSPECIFIED: Whitening
WHITENING_NONE: Whitening
WHITENING_DIAGONAL: Whitening
WHITENING_SHRUNK: Whitening
STACKING_UNSPECIFIED: Stacking
STACKING_SUM: Stacking
STACKING_JOINT: Stacking
STEERING_RULE_UNSPECIFIED: SteeringRule
STEERING_RULE_ADD: SteeringRule
STEERING_RULE_EASE: SteeringRule
STEERING_RULE_CLAMP: SteeringRule
STEERING_KIND_UNSPECIFIED: SteeringKind
STEERING_KIND_TASTE: SteeringKind
STEERING_KIND_CONCEPT: SteeringKind
STEERING_KIND_SLIDER: SteeringKind

class TrackRange(_message.Message):
    __slots__ = ("track_index", "start_s", "end_s")
    TRACK_INDEX_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    track_index: int
    start_s: float
    end_s: float
    def __init__(self, track_index: _Optional[int] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ...) -> None: ...

class TasteOptions(_message.Message):
    __slots__ = ("mix_mode", "ranges", "attention_temperature", "direction_kind", "whitening", "stars")
    MIX_MODE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_KIND_FIELD_NUMBER: _ClassVar[int]
    WHITENING_FIELD_NUMBER: _ClassVar[int]
    STARS_FIELD_NUMBER: _ClassVar[int]
    mix_mode: MixMode
    ranges: _containers.RepeatedCompositeFieldContainer[TrackRange]
    attention_temperature: float
    direction_kind: DirectionKind
    whitening: Whitening
    stars: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, mix_mode: _Optional[_Union[MixMode, str]] = ..., ranges: _Optional[_Iterable[_Union[TrackRange, _Mapping]]] = ..., attention_temperature: _Optional[float] = ..., direction_kind: _Optional[_Union[DirectionKind, str]] = ..., whitening: _Optional[_Union[Whitening, str]] = ..., stars: _Optional[_Iterable[int]] = ...) -> None: ...

class TasteCharacter(_message.Message):
    __slots__ = ("words", "tempo_bpm", "loudness_dbfs", "brightness_hz", "low_share", "onsets_per_s", "minor_margin", "source", "genre", "instruments", "moods", "tempo", "textures")
    WORDS_FIELD_NUMBER: _ClassVar[int]
    TEMPO_BPM_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_DBFS_FIELD_NUMBER: _ClassVar[int]
    BRIGHTNESS_HZ_FIELD_NUMBER: _ClassVar[int]
    LOW_SHARE_FIELD_NUMBER: _ClassVar[int]
    ONSETS_PER_S_FIELD_NUMBER: _ClassVar[int]
    MINOR_MARGIN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GENRE_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    MOODS_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    TEXTURES_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    tempo_bpm: float
    loudness_dbfs: float
    brightness_hz: float
    low_share: float
    onsets_per_s: float
    minor_margin: float
    source: str
    genre: str
    instruments: _containers.RepeatedScalarFieldContainer[str]
    moods: _containers.RepeatedScalarFieldContainer[str]
    tempo: str
    textures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, words: _Optional[_Iterable[str]] = ..., tempo_bpm: _Optional[float] = ..., loudness_dbfs: _Optional[float] = ..., brightness_hz: _Optional[float] = ..., low_share: _Optional[float] = ..., onsets_per_s: _Optional[float] = ..., minor_margin: _Optional[float] = ..., source: _Optional[str] = ..., genre: _Optional[str] = ..., instruments: _Optional[_Iterable[str]] = ..., moods: _Optional[_Iterable[str]] = ..., tempo: _Optional[str] = ..., textures: _Optional[_Iterable[str]] = ...) -> None: ...

class TasteTrack(_message.Message):
    __slots__ = ("title", "sha256", "clip_count", "duration_s", "from_cache", "clip_weights", "ranges")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CLIP_COUNT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    FROM_CACHE_FIELD_NUMBER: _ClassVar[int]
    CLIP_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    title: str
    sha256: str
    clip_count: int
    duration_s: float
    from_cache: bool
    clip_weights: _containers.RepeatedScalarFieldContainer[float]
    ranges: _containers.RepeatedCompositeFieldContainer[TrackRange]
    def __init__(self, title: _Optional[str] = ..., sha256: _Optional[str] = ..., clip_count: _Optional[int] = ..., duration_s: _Optional[float] = ..., from_cache: _Optional[bool] = ..., clip_weights: _Optional[_Iterable[float]] = ..., ranges: _Optional[_Iterable[_Union[TrackRange, _Mapping]]] = ...) -> None: ...

class TasteSummary(_message.Message):
    __slots__ = ("taste_id", "model_digest", "vector_key", "vector_sha256", "tracks", "layer_norms", "options", "create_time", "clip_count", "description", "notices", "split_half_cosine", "character")
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    VECTOR_KEY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SHA256_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORMS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CLIP_COUNT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    SPLIT_HALF_COSINE_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    model_digest: str
    vector_key: str
    vector_sha256: str
    tracks: _containers.RepeatedCompositeFieldContainer[TasteTrack]
    layer_norms: _containers.RepeatedScalarFieldContainer[float]
    options: TasteOptions
    create_time: _timestamp_pb2.Timestamp
    clip_count: int
    description: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    split_half_cosine: float
    character: TasteCharacter
    def __init__(self, taste_id: _Optional[str] = ..., model_digest: _Optional[str] = ..., vector_key: _Optional[str] = ..., vector_sha256: _Optional[str] = ..., tracks: _Optional[_Iterable[_Union[TasteTrack, _Mapping]]] = ..., layer_norms: _Optional[_Iterable[float]] = ..., options: _Optional[_Union[TasteOptions, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., clip_count: _Optional[int] = ..., description: _Optional[str] = ..., notices: _Optional[_Iterable[str]] = ..., split_half_cosine: _Optional[float] = ..., character: _Optional[_Union[TasteCharacter, _Mapping]] = ...) -> None: ...

class WeightedPrompt(_message.Message):
    __slots__ = ("text", "weight")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    text: str
    weight: float
    def __init__(self, text: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class TasteWeight(_message.Message):
    __slots__ = ("taste_id", "strength", "layer_mode", "layer_gains", "in_words", "unclamped")
    class LayerGainsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    TASTE_ID_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    LAYER_MODE_FIELD_NUMBER: _ClassVar[int]
    LAYER_GAINS_FIELD_NUMBER: _ClassVar[int]
    IN_WORDS_FIELD_NUMBER: _ClassVar[int]
    UNCLAMPED_FIELD_NUMBER: _ClassVar[int]
    taste_id: str
    strength: float
    layer_mode: LayerMode
    layer_gains: _containers.ScalarMap[int, float]
    in_words: bool
    unclamped: bool
    def __init__(self, taste_id: _Optional[str] = ..., strength: _Optional[float] = ..., layer_mode: _Optional[_Union[LayerMode, str]] = ..., layer_gains: _Optional[_Mapping[int, float]] = ..., in_words: _Optional[bool] = ..., unclamped: _Optional[bool] = ...) -> None: ...

class ConceptWeight(_message.Message):
    __slots__ = ("name", "strength", "layer_mode", "layer_gains", "unclamped", "position")
    class LayerGainsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    LAYER_MODE_FIELD_NUMBER: _ClassVar[int]
    LAYER_GAINS_FIELD_NUMBER: _ClassVar[int]
    UNCLAMPED_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    name: str
    strength: float
    layer_mode: LayerMode
    layer_gains: _containers.ScalarMap[int, float]
    unclamped: bool
    position: float
    def __init__(self, name: _Optional[str] = ..., strength: _Optional[float] = ..., layer_mode: _Optional[_Union[LayerMode, str]] = ..., layer_gains: _Optional[_Mapping[int, float]] = ..., unclamped: _Optional[bool] = ..., position: _Optional[float] = ...) -> None: ...

class ConceptPosition(_message.Message):
    __slots__ = ("name", "position")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    name: str
    position: float
    def __init__(self, name: _Optional[str] = ..., position: _Optional[float] = ...) -> None: ...

class PlayedStrength(_message.Message):
    __slots__ = ("kind", "name", "asked", "strength")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    kind: SteeringKind
    name: str
    asked: float
    strength: float
    def __init__(self, kind: _Optional[_Union[SteeringKind, str]] = ..., name: _Optional[str] = ..., asked: _Optional[float] = ..., strength: _Optional[float] = ...) -> None: ...

class Sliders(_message.Message):
    __slots__ = ("energy", "tempo", "bass_resonance", "harmonic_complexity", "instrument_density", "vocal_presence", "emotional_tension")
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    TEMPO_FIELD_NUMBER: _ClassVar[int]
    BASS_RESONANCE_FIELD_NUMBER: _ClassVar[int]
    HARMONIC_COMPLEXITY_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_DENSITY_FIELD_NUMBER: _ClassVar[int]
    VOCAL_PRESENCE_FIELD_NUMBER: _ClassVar[int]
    EMOTIONAL_TENSION_FIELD_NUMBER: _ClassVar[int]
    energy: float
    tempo: float
    bass_resonance: float
    harmonic_complexity: float
    instrument_density: float
    vocal_presence: float
    emotional_tension: float
    def __init__(self, energy: _Optional[float] = ..., tempo: _Optional[float] = ..., bass_resonance: _Optional[float] = ..., harmonic_complexity: _Optional[float] = ..., instrument_density: _Optional[float] = ..., vocal_presence: _Optional[float] = ..., emotional_tension: _Optional[float] = ...) -> None: ...

class Recipe(_message.Message):
    __slots__ = ("prompts", "tastes", "concepts", "sliders", "guidance_scale", "temperature", "top_k", "steering_target", "stacking", "steering_rule", "bpm", "key", "negative_prompt", "novelty")
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    TASTES_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    SLIDERS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    STEERING_TARGET_FIELD_NUMBER: _ClassVar[int]
    STACKING_FIELD_NUMBER: _ClassVar[int]
    STEERING_RULE_FIELD_NUMBER: _ClassVar[int]
    BPM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    NOVELTY_FIELD_NUMBER: _ClassVar[int]
    prompts: _containers.RepeatedCompositeFieldContainer[WeightedPrompt]
    tastes: _containers.RepeatedCompositeFieldContainer[TasteWeight]
    concepts: _containers.RepeatedCompositeFieldContainer[ConceptWeight]
    sliders: Sliders
    guidance_scale: float
    temperature: float
    top_k: int
    steering_target: SteeringTarget
    stacking: Stacking
    steering_rule: SteeringRule
    bpm: float
    key: str
    negative_prompt: str
    novelty: float
    def __init__(self, prompts: _Optional[_Iterable[_Union[WeightedPrompt, _Mapping]]] = ..., tastes: _Optional[_Iterable[_Union[TasteWeight, _Mapping]]] = ..., concepts: _Optional[_Iterable[_Union[ConceptWeight, _Mapping]]] = ..., sliders: _Optional[_Union[Sliders, _Mapping]] = ..., guidance_scale: _Optional[float] = ..., temperature: _Optional[float] = ..., top_k: _Optional[int] = ..., steering_target: _Optional[_Union[SteeringTarget, str]] = ..., stacking: _Optional[_Union[Stacking, str]] = ..., steering_rule: _Optional[_Union[SteeringRule, str]] = ..., bpm: _Optional[float] = ..., key: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., novelty: _Optional[float] = ...) -> None: ...
