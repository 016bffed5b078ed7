"""Recipes: every default filled in, every slider turned into a strength, and a digest that chunks refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf import json_format

from resonance.errors import FailedPrecondition, FieldViolation, InvalidInput, ResonanceError
from resonance.ids import digest_of
from resonance.sliders import SLIDER_NAMES
from resonance.taste import Direction
from resonance.v1 import steering_pb2
from resonance_generate.job import Score, SteeringRule
from resonance_generate.vectors import Vectors
from resonance_model.loaded import LoadedModel
from resonance_model.steering import Push, stack

_Weight = steering_pb2.TasteWeight | steering_pb2.ConceptWeight


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A recipe with its defaults, its digest, its score, and what was changed about it in plain words."""

    recipe: steering_pb2.Recipe
    recipe_id: str
    score: Score
    notices: tuple[str, ...]


class RecipeBook:
    """Turns recipes into scores for one model."""

    def __init__(self, model: LoadedModel, vectors: Vectors) -> None:
        self._model = model
        self._vectors = vectors

    async def resolve(self, recipe: steering_pb2.Recipe) -> Resolved:
        """Fills in defaults, fetches and checks every vector, sums them.

        Raises:
            InvalidInput: the recipe contradicts itself or names a layer that the model does not have.
            NotFound: there is no such taste or concept.
            FailedPrecondition: a taste of another model, a taste that is not complete, a concept that is not ready.
        """
        recipe = _with_defaults(recipe, self._model)
        self._check(recipe)
        notices: list[str] = []
        pushes: list[Push] = []
        words: list[str] = []
        for index, taste in enumerate(recipe.tastes):
            with naming(f"recipe.tastes[{index}].taste_id"):
                pushes += await self._taste_pushes(taste, notices, words)
        for index, concept in enumerate(recipe.concepts):
            with naming(f"recipe.concepts[{index}].name"):
                pushes += [await self._concept_push(concept, notices)] if concept.strength else []
        for name in SLIDER_NAMES:
            with naming(f"recipe.sliders.{name}"):
                pushes += [await self._slider_push(name, recipe)] if getattr(recipe.sliders, name) else []
        recipe_id = digest_of(json_format.MessageToDict(recipe))[:16]
        stacked = stack(
            pushes,
            self._model.shape,
            digest=self._model.facts.digest,
            both_rows=recipe.steering_target == steering_pb2.STEERING_TARGET_BOTH,
            is_joint=recipe.stacking == steering_pb2.STACKING_JOINT,
        )
        rule = _RULES[recipe.steering_rule]
        if rule is not SteeringRule.ADD and stacked is not None and stacked.baselines is None:
            raise _no_baselines()
        score = Score(
            recipe_id=recipe_id,
            prompts=tuple(
                (", ".join([prompt.text, *words]), prompt.weight) for prompt in recipe.prompts if prompt.weight > 0
            ),
            steering=None if stacked is None else stacked.steering,
            baselines=None if stacked is None else stacked.baselines,
            rule=rule,
            guidance_scale=recipe.guidance_scale,
            temperature=recipe.temperature,
            top_k=recipe.top_k,
        )
        return Resolved(recipe=recipe, recipe_id=recipe_id, score=score, notices=tuple(notices))

    async def _taste_pushes(self, weight: steering_pb2.TasteWeight, notices: list[str], words: list[str]) -> list[Push]:
        if not weight.strength and not weight.in_words:
            return []
        taste = await self._vectors.taste(weight.taste_id)
        is_said = weight.in_words or taste.direction is None
        if is_said and taste.words:
            words.append(taste.words)
            notices.append(f"the taste was put into words: {taste.words}")
        elif is_said:
            notices.append(
                "the taste has no words: nothing in it stands out, or it was made before playlists were described"
            )
        if taste.direction is None:
            return []
        held = min(max(weight.strength, taste.strength_min), taste.strength_max)
        strength = weight.strength if weight.unclamped else held
        if strength != weight.strength:
            notices.append(
                f"the taste was held to {strength:g}: its safe range goes from {taste.strength_min:g} to "
                f"{taste.strength_max:g}, not to {weight.strength:g}"
            )
        return [_push(taste.direction, strength, weight)] if strength else []

    async def _concept_push(self, weight: steering_pb2.ConceptWeight, notices: list[str]) -> Push:
        concept = await self._vectors.concept(weight.name)
        if weight.unclamped:
            return _push(concept.direction, weight.strength, weight, concept.layer_gains)
        low, high = concept.strength_min, concept.strength_max
        strength = min(max(weight.strength, low), high)
        if strength != weight.strength:
            notices.append(
                f"{weight.name} was held to {strength:g}: its safe range goes from {low:g} to {high:g}, not to {weight.strength:g}"
            )
        return _push(concept.direction, strength, weight, concept.layer_gains)

    async def _slider_push(self, name: str, recipe: steering_pb2.Recipe) -> Push:
        position: float = getattr(recipe.sliders, name)
        concept = await self._vectors.slider(name)
        return Push(
            direction=concept.direction, strength=concept.strength_at(position), layer_gains=concept.layer_gains
        )

    def _check(self, recipe: steering_pb2.Recipe) -> None:
        faults = [*_layer_faults("tastes", recipe.tastes, self._model.shape.layer_count)]
        faults += _layer_faults("concepts", recipe.concepts, self._model.shape.layer_count)
        if not any(prompt.weight > 0 for prompt in recipe.prompts):
            faults.append(_fault("recipe.prompts", "NO_WEIGHT", "at least one prompt needs a weight above 0"))
        if faults:
            raise InvalidInput(
                "; ".join(f"{fault.field}: {fault.message}" for fault in faults), violations=tuple(faults)
            )


_RULES = {
    steering_pb2.STEERING_RULE_ADD: SteeringRule.ADD,
    steering_pb2.STEERING_RULE_EASE: SteeringRule.EASE,
    steering_pb2.STEERING_RULE_CLAMP: SteeringRule.CLAMP,
}


def _no_baselines() -> FailedPrecondition:
    message = "a direction of this recipe was stored before self-monitoring existed; extract it again, or use steering_rule add"
    return FailedPrecondition(message, reason="NO_BASELINES")


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Gives a refusal that names no field the name of this one."""
    try:
        yield
    except ResonanceError as refusal:
        refusal.violations = refusal.violations or (_fault(field, refusal.reason, refusal.message),)
        raise


def _with_defaults(recipe: steering_pb2.Recipe, model: LoadedModel) -> steering_pb2.Recipe:
    whole = steering_pb2.Recipe()
    whole.CopyFrom(recipe)
    defaults = model.facts.sampling
    for prompt in whole.prompts:
        if not prompt.HasField("weight"):
            prompt.weight = 1.0
    if not whole.HasField("guidance_scale"):
        whole.guidance_scale = defaults.guidance_scale
    if not whole.HasField("temperature"):
        whole.temperature = defaults.temperature
    if not whole.HasField("top_k"):
        whole.top_k = defaults.top_k
    whole.sliders.SetInParent()
    if whole.stacking == steering_pb2.STACKING_UNSPECIFIED:
        whole.stacking = steering_pb2.STACKING_JOINT
    if whole.steering_rule == steering_pb2.STEERING_RULE_UNSPECIFIED:
        whole.steering_rule = steering_pb2.STEERING_RULE_ADD
    if whole.steering_target == steering_pb2.STEERING_TARGET_UNSPECIFIED:
        whole.steering_target = steering_pb2.STEERING_TARGET_CONDITIONAL
    weights: list[_Weight] = [*whole.tastes, *whole.concepts]
    for weight in weights:
        if weight.layer_mode == steering_pb2.LAYER_MODE_UNSPECIFIED:
            weight.layer_mode = steering_pb2.LAYER_MODE_PER_LAYER
    return whole


def _push(direction: Direction, strength: float, weight: _Weight, own_gains: Mapping[int, float] | None = None) -> Push:
    """`own_gains` are the concept's; a recipe that names gains has the word."""
    return Push(
        direction=direction,
        strength=strength,
        is_per_layer=weight.layer_mode != steering_pb2.LAYER_MODE_ONE_TO_ALL,
        layer_gains=dict(weight.layer_gains) or dict(own_gains or {}),
    )


def _layer_faults(name: str, weights: Iterable[_Weight], layer_count: int) -> list[FieldViolation]:
    return [
        _fault(
            f"recipe.{name}[{index}].layer_gains[{layer}]",
            "NO_SUCH_LAYER",
            f"the model has layers 0 to {layer_count - 1}",
        )
        for index, weight in enumerate(weights)
        for layer in weight.layer_gains
        if not 0 <= layer < layer_count
    ]


def _fault(field: str, reason: str, message: str) -> FieldViolation:
    return FieldViolation(field=field, reason=reason, message=message)
