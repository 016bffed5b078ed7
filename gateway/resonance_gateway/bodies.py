"""What strangers may send: one pydantic model per body, with the limits of the protos, naming every fault."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from resonance.errors import FieldViolation, InvalidInput
from resonance_gateway.schema.limits_from_protos import NOT_BLANK, bytes_max, items, rule

LayerMode = Literal["per_layer", "one_to_all"]
Gain = Annotated[float, rule("TasteWeight.layer_gains")]
Layer = Annotated[int, Field(ge=0, le=2**31 - 1)]
Gains = Annotated[dict[Layer, Gain], items("TasteWeight.layer_gains")]
RequestId = Annotated[str, rule("GenerateRequest.request_id", description="Made by you; the same id is the same take.")]
Melody = Annotated[
    Base64Bytes,
    rule(
        "Melody.wav", description="A tune to follow: a sound file of at most 30 s in base64; for melody models alone."
    ),
]
# The longest tune in base64: four characters for three bytes.
MELODY_TEXT_MAX = -(-bytes_max("Melody.wav") // 3) * 4
SliderValue = Annotated[float, rule("Sliders.energy")]


class Body(BaseModel):
    """A body: strict types, finite numbers, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class RangeBody(Body):
    """A stretch of one track."""

    track_index: Annotated[int, rule("TrackRange.track_index")]
    start_s: Annotated[float, rule("TrackRange.start_s")]
    end_s: Annotated[float, rule("TrackRange.end_s")]

    @model_validator(mode="after")
    def _ends_after_start(self) -> RangeBody:
        if self.end_s <= self.start_s:
            raise PydanticCustomError("empty_range", "end_s must lie after start_s")
        return self


class TasteOptionsBody(Body):
    """How a playlist becomes a taste."""

    mix_mode: Literal["mean", "time_select", "attention_weighted"] = "mean"
    ranges: Annotated[list[RangeBody], items("TasteOptions.ranges")] = []
    attention_temperature: Annotated[float, rule("TasteOptions.attention_temperature")] | None = None
    direction_kind: Literal["contrast", "mean", "words"] = "contrast"
    whitening: Literal["none", "diagonal", "shrunk"] = "none"
    stars: Annotated[list[Annotated[int, rule("TasteOptions.stars")]], items("TasteOptions.stars")] = []

    @model_validator(mode="after")
    def _ranges_fit_the_mode(self) -> TasteOptionsBody:
        if self.mix_mode == "time_select" and not self.ranges:
            raise PydanticCustomError("required", "time_select needs at least one range in `ranges`")
        return self


class TasteBody(Body):
    """A playlist by link, or by resumable uploads that are whole: one of the two."""

    uploads: (
        Annotated[
            list[Annotated[str, rule("SubmitUploadsRequest.upload_ids", min_length=1)]],
            items("SubmitUploadsRequest.upload_ids"),
        ]
        | None
    ) = None
    url: Annotated[str, rule("SubmitPlaylistRequest.url")] | None = Field(default=None, validate_default=True)
    title: Annotated[str, rule("SubmitPlaylistRequest.title")] = ""
    options: TasteOptionsBody = TasteOptionsBody()
    request_id: RequestId | None = None

    @field_validator("url", mode="after")
    @classmethod
    def _is_one_of_the_two(cls, url: str | None, info: ValidationInfo) -> str | None:
        if "uploads" in info.data and (url is None) == (not info.data["uploads"]):
            raise PydanticCustomError("required", "give a link in `url`, or whole uploads in `uploads`")
        return url


class UploadFields(Body):
    """The text fields of an upload, which come before its files."""

    title: Annotated[str, rule("UploadHeader.title")] = ""
    options: TasteOptionsBody = TasteOptionsBody()
    request_id: RequestId | None = None


class PairBody(Body):
    """One contrast: the same music with more and with less of the concept."""

    positive: Annotated[str, rule("PromptPair.positive")]
    negative: Annotated[str, rule("PromptPair.negative")]


class MusicBody(Body):
    """Stored music: a taste's tracks, or a finished take."""

    taste_id: Annotated[str, rule("MusicSource.taste_id")] | None = None
    track_indices: Annotated[
        list[Annotated[int, rule("MusicSource.track_indices")]], items("MusicSource.track_indices")
    ] = []
    take_id: Annotated[str, rule("MusicSource.take_id")] | None = None

    @model_validator(mode="after")
    def _is_one_of_the_two(self) -> MusicBody:
        if bool(self.taste_id) == bool(self.take_id):
            raise PydanticCustomError("required", "name a taste in `taste_id`, or a take in `take_id`")
        return self


class MusicPairBody(Body):
    """One contrast in sound: music with more and with less of the concept."""

    positive: MusicBody
    negative: MusicBody


class ConceptBody(Body):
    """A concept from pairs of prompts, from pairs of music, or from both."""

    name: Annotated[str, rule("ComputeConceptRequest.name")]
    music_pairs: Annotated[list[MusicPairBody], items("ComputeConceptRequest.music_pairs")] = []
    pairs: Annotated[list[PairBody], items("ComputeConceptRequest.pairs")] = Field(default=[], validate_default=True)

    @field_validator("pairs", mode="after")
    @classmethod
    def _has_a_pair(cls, pairs: list[PairBody], info: ValidationInfo) -> list[PairBody]:
        if "music_pairs" in info.data and not pairs and not info.data["music_pairs"]:
            raise PydanticCustomError(
                "required", "give pairs of prompts in `pairs`, or pairs of music in `music_pairs`"
            )
        return pairs


class ReferenceBody(Body):
    """Varied music that becomes the model's reference; where nothing is named, takes of twelve genres."""

    music: Annotated[list[MusicBody], items("StartCalibrationJobRequest.music")] = []
    prompts: Annotated[
        list[Annotated[str, rule("StartCalibrationJobRequest.prompts", min_length=1, pattern=NOT_BLANK)]],
        items("StartCalibrationJobRequest.prompts"),
    ] = []
    clip_s: Annotated[float, rule("StartCalibrationJobRequest.clip_s")] = 0.0


class CalibrationBody(Body):
    """What to render while a concept's safe range is measured; everything has a default."""

    strengths: Annotated[
        list[Annotated[float, rule("CalibrateConceptRequest.strengths")]], items("CalibrateConceptRequest.strengths")
    ] = []
    prompts: Annotated[
        list[Annotated[str, rule("CalibrateConceptRequest.prompts", min_length=1, pattern=NOT_BLANK)]],
        items("CalibrateConceptRequest.prompts"),
    ] = []
    clip_s: Annotated[float, rule("CalibrateConceptRequest.clip_s")] = 0.0
    apply: Annotated[
        bool,
        Field(description="Puts what other conditions than the usual ones say in force; without it they are a trial."),
    ] = False


class TasteUse(Body):
    """A taste in a recipe."""

    taste_id: Annotated[str, rule("TasteWeight.taste_id")]
    strength: Annotated[float, rule("TasteWeight.strength")] = 1.0
    layer_mode: LayerMode = "per_layer"
    layer_gains: Gains = {}
    in_words: Annotated[
        bool, Field(description="Adds the taste's words to the prompt; with strength 0, they alone.")
    ] = False
    unclamped: bool = False


class ConceptUse(Body):
    """A concept in a recipe."""

    name: Annotated[str, rule("ConceptWeight.name")]
    strength: Annotated[float, rule("ConceptWeight.strength")]
    layer_mode: LayerMode = "per_layer"
    layer_gains: Gains = {}
    unclamped: bool = False


class SlidersBody(Body):
    """The seven sliders; 0 is exactly no effect."""

    energy: SliderValue = 0.0
    tempo: SliderValue = 0.0
    bass_resonance: SliderValue = 0.0
    harmonic_complexity: SliderValue = 0.0
    instrument_density: SliderValue = 0.0
    vocal_presence: SliderValue = 0.0
    emotional_tension: SliderValue = 0.0


class RefinementBody(Body):
    """Words, and where the sliders stand."""

    text: Annotated[str, rule("RefineRequest.text", description="What shall change: “more bass, a touch less tense”.")]
    sliders: SlidersBody = SlidersBody()
    previous: Annotated[SlidersBody | None, Field(description="Before the last change; what “undo” goes back to.")] = (
        None
    )


class PromptUse(Body):
    """One more sentence of a recipe, and how much it weighs beside the others."""

    text: Annotated[str, rule("WeightedPrompt.text")]
    weight: Annotated[float, rule("WeightedPrompt.weight")] = 1.0


class RecipeBody(Body):
    """What shapes the music."""

    prompt: Annotated[str, rule("WeightedPrompt.text", description="What you want to hear.")]
    prompt_weight: Annotated[float, rule("WeightedPrompt.weight")] = 1.0
    prompts: Annotated[list[PromptUse], items("Recipe.prompts", min_length=0)] = []
    taste_id: Annotated[str, rule("TasteWeight.taste_id")] | None = None
    taste_strength: Annotated[float, rule("TasteWeight.strength")] = 1.0
    taste_in_words: bool = False
    tastes: Annotated[list[TasteUse], items("Recipe.tastes")] = []
    sliders: SlidersBody = SlidersBody()
    concepts: Annotated[list[ConceptUse], items("Recipe.concepts")] = []
    guidance_scale: Annotated[float, rule("Recipe.guidance_scale")] | None = None
    temperature: Annotated[float, rule("Recipe.temperature")] | None = None
    top_k: Annotated[int, rule("Recipe.top_k")] | None = None
    steering_target: Literal["conditional", "both"] = "conditional"
    stacking: Literal["joint", "sum"] = "joint"
    steering_rule: Literal["add", "ease", "clamp"] = "add"


class OriginBody(Body):
    """A finished take to go on from, or of which a section is made anew."""

    request_id: Annotated[str, rule("Origin.request_id")]
    start_s: (
        Annotated[float, rule("Origin.start_s", description="Where new music begins; the take's end if absent.")] | None
    ) = None
    end_s: Annotated[float, rule("Origin.end_s", description="Where the old take goes on again.")] | None = None


class GenerationBody(RecipeBody):
    """What to make."""

    duration_s: Annotated[float, rule("GenerateRequest.duration_s")] = 10.0
    seed: Annotated[int, rule("GenerateRequest.seed")] | None = None
    chunk_s: Annotated[float, rule("GenerateRequest.chunk_s")] | None = None
    request_id: RequestId | None = None
    resume_sample_offset: Annotated[int, rule("GenerateRequest.resume_sample_offset", le=2**62)] = 0
    is_transient: bool = False
    origin: OriginBody | None = None
    melody: Melody | None = None


class PerformanceBody(RecipeBody):
    """The first message of a performance: its first recipe, and how it is told apart and cut."""

    seed: Annotated[int, rule("PerformOpening.seed")] | None = None
    chunk_s: Annotated[float, rule("PerformOpening.chunk_s")] | None = None
    request_id: RequestId | None = None
    melody: Melody | None = None


class ControlBody(Body):
    """A later message of a performance: another recipe, another tune or none any more, a button of the transport."""

    recipe: RecipeBody | None = None
    command: Literal["play", "pause", "stop", "reset"] | None = None
    melody: Melody | None = None
    without_melody: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> ControlBody:
        if self.recipe is None and self.command is None and self.melody is None and not self.without_melody:
            raise PydanticCustomError("required", "a control carries `recipe`, `melody`, `without_melody` or `command`")
        return self


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_size: Annotated[int, rule("ListJobsRequest.page_size", description="0 means 50.")] = 0
    page_token: Annotated[str, rule("ListJobsRequest.page_token")] = ""


class MalformedError(Exception):
    """The body is not JSON at all."""


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], text: bytes) -> Model:
    """The checked body.

    Raises:
        MalformedError: the text is not JSON.
        InvalidInput: naming every fault.
    """
    try:
        return model.model_validate_json(text or b"{}")
    except ValidationError as failure:
        faults = failure.errors(include_url=False, include_context=True, include_input=False)
    if faults[0]["type"] == "json_invalid":
        raise MalformedError(_sentence(str(faults[0]["msg"])))
    raise invalid(faults)


def check(model: type[Model], values: dict[str, Any]) -> Model:
    """The same for values that were parsed already, such as a query."""
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        raise invalid(failure.errors(include_url=False, include_input=False)) from None


def invalid(faults: list[ErrorDetails]) -> InvalidInput:
    """InvalidInput from pydantic's faults: our reasons, our sentences, the field's path as in the JSON."""
    violations = tuple(_violation(fault) for fault in faults)
    told = "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in violations[:5])
    return InvalidInput(told, violations=violations)


# pydantic's type of fault -> (our reason, our sentence). The reasons are those of resonance.rpc.validation.
_FAULTS: dict[str, tuple[str, str]] = {
    "missing": ("REQUIRED", "is required"),
    "required": ("REQUIRED", "{msg}"),
    "string_too_short": ("REQUIRED", "must not be empty"),
    "string_too_long": ("TOO_LONG", "must have at most {max_length} characters"),
    "bytes_too_long": ("TOO_LONG", "must have at most {max_length} bytes"),
    "base64_decode": ("MALFORMED", "must be base64"),
    "string_pattern_mismatch": ("MALFORMED", "must match {pattern}"),
    "greater_than_equal": ("TOO_SMALL", "must be at least {ge:g}"),
    "less_than_equal": ("TOO_LARGE", "must be at most {le:g}"),
    "finite_number": ("NOT_FINITE", "must be a finite number"),
    "too_short": ("TOO_FEW", "must have at least {min_length} item(s)"),
    "too_long": ("TOO_MANY", "must have at most {max_length} items"),
    "extra_forbidden": ("UNKNOWN_FIELD", "is not a field that we know; look for a typing mistake"),
    "literal_error": ("UNKNOWN_VALUE", "must be {expected}"),
    "empty_range": ("EMPTY_RANGE", "{msg}"),
}


def _violation(fault: ErrorDetails) -> FieldViolation:
    kind, context = fault["type"], dict(fault.get("ctx", {}))
    if kind == "string_pattern_mismatch" and context.get("pattern") == NOT_BLANK:
        kind = "string_too_short"
    if kind == "too_long" and context.get("field_type") == "Value":
        kind = "bytes_too_long"  # pydantic's word for what base64 stood for
    reason, sentence = _FAULTS.get(kind, ("WRONG_TYPE", "{msg}"))
    message = sentence.format(msg=_sentence(fault["msg"]), **{k: v for k, v in context.items() if k != "msg"})
    return FieldViolation(field=_path(fault["loc"]), reason=reason, message=message)


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:300]


def _path(parts: tuple[int | str, ...]) -> str:
    """`("tastes", 0, "strength")` as `tastes[0].strength`; long keys of a stranger's making are cut."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part[:64]}" if path else part[:64]
    return path
