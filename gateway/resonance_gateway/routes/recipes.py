"""Recipes: the body fields that shape the music.

`prompt` and `taste_id` are short forms; all other fields have the names of the proto.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, Field, model_validator
from pydantic_core import PydanticCustomError

from resonance.v1 import steering_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.schema.limits_from_protos import items, length_max, rule
from resonance_gateway.schema.proto_json import fill_message

LayerMode = Literal["per_layer", "one_to_all"]
Gain = Annotated[float, rule("TasteWeight.layer_gains")]
Layer = Annotated[int, Field(ge=0, le=2**31 - 1)]
Gains = Annotated[dict[Layer, Gain], items("TasteWeight.layer_gains")]
SliderValue = Annotated[float, rule("Sliders.energy")]
Melody = Annotated[
    Base64Bytes,
    rule(
        "Melody.wav", description="A melody to follow: a sound file of at most 30 s in base64; for melody models alone."
    ),
]
OriginSoundData = Annotated[Base64Bytes, rule("OriginSound.data", description="The sound file in base64.")]
# The longest melody in base64: four characters for three bytes. The second number has a sound to go on from beside it.
MELODY_TEXT_MAX = -(-length_max("Melody.wav") // 3) * 4
SOUNDS_TEXT_MAX = MELODY_TEXT_MAX + -(-length_max("OriginSound.data") // 3) * 4

_SHORT_FORMS = {"prompt", "prompt_weight", "taste_id", "taste_strength", "taste_in_words"}


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
    """A concept in a recipe: at a strength, or at a position like a slider's."""

    name: Annotated[str, rule("ConceptWeight.name")]
    strength: Annotated[float, rule("ConceptWeight.strength")] = 0.0
    position: Annotated[float, rule("ConceptWeight.position")] | None = None
    layer_mode: LayerMode = "per_layer"
    layer_gains: Gains = {}
    unclamped: bool = False

    @model_validator(mode="after")
    def _has_an_amount(self) -> ConceptUse:
        if not {"strength", "position"} & self.model_fields_set:
            raise PydanticCustomError("required", "give a `strength` or a `position`")
        return self


class SlidersBody(Body):
    """The seven sliders; 0 is exactly no effect."""

    energy: SliderValue = 0.0
    tempo: SliderValue = 0.0
    bass_resonance: SliderValue = 0.0
    harmonic_complexity: SliderValue = 0.0
    instrument_density: SliderValue = 0.0
    vocal_presence: SliderValue = 0.0
    emotional_tension: SliderValue = 0.0


class PromptUse(Body):
    """One more sentence of a recipe, and its weight beside the others."""

    text: Annotated[str, rule("WeightedPrompt.text")]
    weight: Annotated[float, rule("WeightedPrompt.weight")] = 1.0


class RecipeBody(Body):
    """Everything that shapes the music but length and seed."""

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
    novelty: Annotated[float, rule("Recipe.novelty")] | None = None
    steering_target: Literal["conditional", "both"] = "conditional"
    stacking: Literal["joint", "sum"] = "joint"
    steering_rule: Literal["add", "ease", "clamp"] = "add"
    bpm: Annotated[float, rule("Recipe.bpm", description="The tempo, in beats a minute.")] | None = None
    key: Annotated[str, rule("Recipe.key", description="The key, such as `C major` or `F# minor`.")] | None = None
    negative_prompt: Annotated[
        str, rule("Recipe.negative_prompt", description="What the music is steered away from.")
    ] = ""


RECIPE_FIELDS = frozenset(RecipeBody.model_fields)


def to_recipe(body: RecipeBody) -> steering_pb2.Recipe:
    """The proto's recipe. `prompt` becomes the first prompt, `taste_id` the last taste; every other field keeps its name."""
    values = body.model_dump(include=set(RECIPE_FIELDS - _SHORT_FORMS), exclude_none=True)
    values["prompts"] = [{"text": body.prompt, "weight": body.prompt_weight}, *values["prompts"]]
    if body.taste_id is not None:
        taste: dict[str, Any] = {
            "taste_id": body.taste_id,
            "strength": body.taste_strength,
            "in_words": body.taste_in_words,
        }
        values["tastes"] = [*values["tastes"], TasteUse(**taste).model_dump()]
    return fill_message(steering_pb2.Recipe(), values)
