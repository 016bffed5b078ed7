"""Playing of lanes: the request that makes their music, and what is said about it beforehand."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from resonance.errors import invalid_field
from resonance.lanes.document import Curve, LanesFile, parse_recipe
from resonance.v1 import generate_pb2, steering_pb2

CHANGES_MAX = 1024  # GenerateRequest.recipe_changes


@dataclass(frozen=True, kw_only=True)
class LanesRequest:
    """The request of a lanes file. `notices` say in plain words what will be otherwise than in the file."""

    request: generate_pb2.GenerateRequest
    notices: tuple[str, ...]


def build_lanes_request(
    lanes: LanesFile, model: generate_pb2.ModelInfo, *, request_id: str = "", seed: int | None = None
) -> LanesRequest:
    """The request that makes the music of lanes, with their seed or another one.

    `model` is the model that will make it: another one than the file's is told in a notice, and so is a piece that is longer than the
    model makes in one take.

    Raises:
        InvalidInput: TOO_MANY_CHANGES: the lanes change at more than CHANGES_MAX times.
    """
    notices = [*_notices(lanes, model)]
    longest = model.take_duration_s_max or lanes.duration_s
    request = generate_pb2.GenerateRequest(
        request_id=request_id,
        duration_s=min(lanes.duration_s, longest),
        seed=lanes.seed if seed is None else seed,
        chunk_s=lanes.chunk_s,
    )
    bases = [parse_recipe(item.recipe, f"recipes[{number}].recipe") for number, item in enumerate(lanes.recipes)]
    starts = [item.at_s for item in lanes.recipes]
    times = {0.0, *starts, *(at_s for curve in lanes.curves for at_s, _ in curve.points)}
    last = steering_pb2.Recipe()
    for at_s in sorted(time for time in times if time < request.duration_s):
        recipe = _recipe_at(at_s, bases[bisect_right(starts, at_s) - 1], lanes.curves)
        if at_s == 0:
            request.recipe.CopyFrom(recipe)
        elif recipe != last:
            request.recipe_changes.add(start_s=at_s, recipe=recipe)
        last = recipe
    if len(request.recipe_changes) > CHANGES_MAX:
        message = f"they change at {len(request.recipe_changes)} times; a take has at most {CHANGES_MAX} changes"
        raise invalid_field("curves", "TOO_MANY_CHANGES", message)
    return LanesRequest(request=request, notices=tuple(notices))


def _recipe_at(at_s: float, base: steering_pb2.Recipe, curves: list[Curve]) -> steering_pb2.Recipe:
    recipe = steering_pb2.Recipe()
    recipe.CopyFrom(base)
    recipe.sliders.SetInParent()
    for curve in curves:
        number = bisect_right(curve.points, at_s, key=lambda point: point[0]) - 1
        _set(recipe, curve, curve.points[number][1] if number >= 0 else 0.0)
    return recipe


def _set(recipe: steering_pb2.Recipe, curve: Curve, value: float) -> None:
    """Puts a value into a recipe. A taste or concept that the recipe lacks joins it with a value that is not 0."""
    if curve.kind == "slider":
        setattr(recipe.sliders, curve.name, value)
    elif curve.kind == "taste":
        taste = next((taste for taste in recipe.tastes if taste.taste_id == curve.name), None)
        if taste is None and value:
            taste = recipe.tastes.add(taste_id=curve.name)
        if taste is not None:
            taste.strength = value
    else:
        concept = next((concept for concept in recipe.concepts if concept.name == curve.name), None)
        if concept is None and value:
            concept = recipe.concepts.add(name=curve.name)
        if concept is None:
            return
        if curve.kind == "concept":
            concept.position = value
        elif not concept.HasField("position"):
            concept.strength = value


def _notices(lanes: LanesFile, model: generate_pb2.ModelInfo) -> list[str]:
    notices = []
    if model.digest and lanes.model.digest != model.digest:
        notices.append(
            f"the lanes were played on {lanes.model.model_id or 'another model'} (digest {lanes.model.digest[:12]}); "
            f"{model.model_id} (digest {model.digest[:12]}) makes other music of them"
        )
    if lanes.duration_s > (model.take_duration_s_max or lanes.duration_s):
        notices.append(
            f"the lanes last {lanes.duration_s:g} s; a take ends after {model.take_duration_s_max:g} s, "
            "and the rest is left out"
        )
    return notices
