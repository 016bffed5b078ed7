"""Recipe changes of a body, paths of tastes, and bodies of requests that stand as messages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from resonance.steering.taste_mix import BEATS_PER_BAR, add_taste_path
from resonance.v1 import generate_pb2, steering_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.routes.recipes import ConceptUse, PromptUse, SlidersBody, TasteUse
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.proto_json import fill_message, to_json


class RecipeChangeBody(Body):
    """What is otherwise from a time on; what is left out stays as it was before, and null takes it away."""

    start_s: Annotated[
        float, rule("ScheduledRecipe.start_s", description="When it begins; rising from one to the next.")
    ]
    prompt: Annotated[str, rule("WeightedPrompt.text", description="Other words, in place of all prompts.")] | None = (
        None
    )
    prompts: Annotated[list[PromptUse], items("Recipe.prompts")] | None = None
    tastes: Annotated[list[TasteUse], items("Recipe.tastes")] | None = None
    sliders: SlidersBody | None = None
    concepts: Annotated[list[ConceptUse], items("Recipe.concepts")] | None = None
    bpm: Annotated[float, rule("Recipe.bpm")] | None = None
    key: Annotated[str, rule("Recipe.key")] | None = None
    negative_prompt: Annotated[str, rule("Recipe.negative_prompt")] | None = None


class TastePathBody(Body):
    """A path of tastes: from those of the recipe to these, a step at every bar line."""

    tastes: Annotated[
        list[TasteUse], items("Recipe.tastes", min_length=1, description="The mix at its end; the others go to 0.")
    ]
    start_s: Annotated[float, rule("ScheduledRecipe.start_s", description="Where it begins.")] = 0.0
    end_s: (
        Annotated[float, rule("ScheduledRecipe.start_s", description="Where it ends; the take's end if absent.")] | None
    ) = None
    beats_per_bar: Annotated[int, Field(ge=1, le=16)] = BEATS_PER_BAR


def add_changes(request: generate_pb2.GenerateRequest, changes: list[RecipeChangeBody]) -> None:
    """Puts the changes into a request; each one builds on the recipe before it."""
    recipe = request.recipe
    for change in changes:
        scheduled = request.recipe_changes.add(start_s=change.start_s, recipe=recipe)
        values = change.model_dump(include=set(change.model_fields_set) - {"start_s", "prompt"})
        if change.prompt is not None:
            values["prompts"] = [{"text": change.prompt, "weight": 1.0}, *(values.get("prompts") or [])]
        for name in values:
            scheduled.recipe.ClearField(name)
        fill_message(scheduled.recipe, {name: value for name, value in values.items() if value is not None})
        recipe = scheduled.recipe


def add_path(request: generate_pb2.GenerateRequest, path: TastePathBody, model: generate_pb2.ModelInfo) -> None:
    """Puts a path of tastes into a request, in the tempo that `model` will play. Raises as `add_taste_path`."""
    goal = [fill_message(steering_pb2.TasteWeight(), taste.model_dump()) for taste in path.tastes]
    add_taste_path(
        request,
        goal,
        start_s=path.start_s,
        end_s=path.end_s,
        beats_per_bar=path.beats_per_bar,
        tempi_bpm=model.capabilities.tempo.bpm,
    )


def to_generation_json(request: generate_pb2.GenerateRequest) -> dict[str, Any]:
    """The body of `POST /v1/generations` that stands for a request; fields with their defaults are left out."""
    body = _recipe_json(request.recipe) | {"duration_s": request.duration_s, "seed": request.seed}
    if request.HasField("chunk_s"):
        body["chunk_s"] = request.chunk_s
    changes, last = [], request.recipe
    for scheduled in request.recipe_changes:
        changes.append({"start_s": scheduled.start_s} | _change_json(last, scheduled.recipe))
        last = scheduled.recipe
    return body | ({"recipe_changes": changes} if changes else {})


def _recipe_json(recipe: steering_pb2.Recipe) -> dict[str, Any]:
    """A recipe as the fields of a body."""
    values = _without_defaults(to_json(recipe))
    first, *others = values.pop("prompts", [])
    values["prompt"] = first["text"]
    if first.get("weight", 1.0) != 1.0:
        values["prompt_weight"] = first["weight"]
    return values | ({"prompts": others} if others else {})


def _change_json(before: steering_pb2.Recipe, after: steering_pb2.Recipe) -> dict[str, Any]:
    """The fields of a change that differ from the recipe before it."""
    then, now = to_json(before), to_json(after)
    changed = {name: now[name] for name in RecipeChangeBody.model_fields if name in now and now[name] != then[name]}
    return {name: _clean(value) for name, value in changed.items()}


def _without_defaults(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _clean(value) for name, value in values.items() if value not in (None, "", [], {})}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items() if item is not None}
    return [_clean(item) for item in value] if isinstance(value, list) else value
