"""Lanes of a take: its recipes, divided into curves and what curves do not say."""

from __future__ import annotations

from google.protobuf import json_format

from resonance.lanes.document import Curve, LanesFile, ModelName, RecipeFrom, TakeName
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import generate_pb2, steering_pb2

Name = tuple[str, str]


def take_lanes(take: generate_pb2.Take, *, title: str = "") -> LanesFile:
    """The lanes of a finished take or of a performance that was kept. Playing them gives the take's recipes at the take's times."""
    recipes: list[RecipeFrom] = []
    points: dict[Name, list[tuple[float, float]]] = {}
    last = steering_pb2.Recipe()
    for at_s, recipe in _recipes_by_time(take).items():
        values = read_values(recipe)
        bare = without_values(recipe)
        if not recipes or bare != last:
            known = json_format.MessageToDict(recipe, preserving_proto_field_name=True)
            recipes.append(RecipeFrom(at_s=at_s, recipe=known))
            last = bare
        for name in {**points, **values}:
            value = values.get(name, 0.0)
            lane = points.setdefault(name, [])
            if (lane[-1][1] if lane else 0.0) != value:
                lane.append((at_s, value))
    return LanesFile(
        title=title[:200] or _words(take.recipe),
        model=ModelName(model_id=take.model.model_id, digest=take.model.digest),
        seed=take.seed,
        duration_s=max(1.0, take.duration_s),
        chunk_s=take.chunk_s or None,
        recipes=recipes,
        curves=[Curve(kind=kind, name=name, points=lane) for (kind, name), lane in points.items() if lane],  # type: ignore[arg-type]
        take=TakeName(request_id=take.request_id, audio_sha256=take.audio_sha256),
    )


def read_values(recipe: steering_pb2.Recipe) -> dict[Name, float]:
    """Everything of a recipe that a curve can say, by kind and name. A taste or concept that stands in it twice is left out."""
    values: dict[Name, float] = {
        ("slider", name): getattr(recipe.sliders, name) for name in SLIDER_NAMES if getattr(recipe.sliders, name)
    }
    for taste in recipe.tastes:
        if not _is_twice(recipe, taste.taste_id):
            values["taste", taste.taste_id] = taste.strength
    for concept in recipe.concepts:
        if _is_twice(recipe, concept.name):
            continue
        if concept.HasField("position"):
            values["concept", concept.name] = concept.position
        else:
            values["concept_strength", concept.name] = concept.strength
    return values


def without_values(recipe: steering_pb2.Recipe) -> steering_pb2.Recipe:
    """The recipe with 0 in place of everything that a curve can say."""
    bare = steering_pb2.Recipe()
    bare.CopyFrom(recipe)
    bare.ClearField("sliders")
    for taste in bare.tastes:
        if not _is_twice(recipe, taste.taste_id):
            taste.strength = 0.0
    for concept in bare.concepts:
        if not _is_twice(recipe, concept.name):
            if concept.HasField("position"):
                concept.position = 0.0
            concept.strength = 0.0
    return bare


def _recipes_by_time(take: generate_pb2.Take) -> dict[float, steering_pb2.Recipe]:
    """The take's recipes by the time from which they acted; of two at one time the later one."""
    recipes = {0.0: take.recipe}
    for change in take.recipe_changes:
        recipes[change.sample_offset / take.format.sample_rate_hz] = change.recipe
    return dict(sorted(recipes.items()))


def _is_twice(recipe: steering_pb2.Recipe, name: str) -> bool:
    return [*(taste.taste_id for taste in recipe.tastes), *(concept.name for concept in recipe.concepts)].count(
        name
    ) > 1


def _words(recipe: steering_pb2.Recipe) -> str:
    return recipe.prompts[0].text[:200] if recipe.prompts else ""
