"""Recipes: every default filled in, every slider turned into a strength, and a digest that chunks refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.protobuf import json_format

from resonance.errors import FailedPrecondition, FieldViolation, InvalidInput, ResonanceError
from resonance.ids import canonical_digest
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import steering_pb2
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.request import GenerationParams, SteeringRule
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.stacking import WeightedDirection, stack

_Weight = steering_pb2.TasteWeight | steering_pb2.ConceptWeight


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A recipe with its defaults, its digest, its params, what was changed about it in plain words, and the strengths that act."""

    recipe: steering_pb2.Recipe
    recipe_id: str
    params: GenerationParams
    notices: tuple[str, ...]
    played: tuple[steering_pb2.PlayedStrength, ...]


@dataclass(slots=True, kw_only=True)
class _Sum:
    """What a recipe comes to while it is resolved."""

    pushes: list[WeightedDirection] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    played: list[steering_pb2.PlayedStrength] = field(default_factory=list)

    def add(self, push: WeightedDirection, kind: steering_pb2.SteeringKind, name: str, asked: float) -> None:
        """Adds a push. One of strength 0 is told and adds nothing."""
        self.played.append(steering_pb2.PlayedStrength(kind=kind, name=name, asked=asked, strength=push.strength))
        if push.strength:
            self.pushes.append(push)


class RecipeBook:
    """Turns recipes into generation parameters for one model."""

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
        found = await self._summed(recipe)
        recipe_id = canonical_digest(json_format.MessageToDict(recipe))[:16]
        stacked = stack(
            found.pushes,
            self._model.config,
            digest=self._model.description.digest,
            both_branches=recipe.steering_target == steering_pb2.STEERING_TARGET_BOTH,
            is_joint=recipe.stacking == steering_pb2.STACKING_JOINT,
        )
        rule = _RULES[recipe.steering_rule]
        if rule is not SteeringRule.ADD and stacked is not None and stacked.baselines is None:
            raise _no_baselines()
        params = GenerationParams(
            recipe_id=recipe_id,
            prompts=tuple(
                (", ".join([prompt.text, *found.words]), prompt.weight)
                for prompt in recipe.prompts
                if prompt.weight > 0
            ),
            steering=None if stacked is None else stacked.steering,
            baselines=None if stacked is None else stacked.baselines,
            rule=rule,
            guidance_scale=recipe.guidance_scale,
            temperature=recipe.temperature,
            top_k=recipe.top_k,
        )
        return Resolved(
            recipe=recipe,
            recipe_id=recipe_id,
            params=params,
            notices=tuple(found.notices),
            played=tuple(found.played),
        )

    async def _summed(self, recipe: steering_pb2.Recipe) -> _Sum:
        found = _Sum()
        for index, taste in enumerate(recipe.tastes):
            with naming(f"recipe.tastes[{index}].taste_id"):
                await self._add_taste(found, taste)
        for index, concept in enumerate(recipe.concepts):
            with naming(f"recipe.concepts[{index}].name"):
                await self._add_concept(found, concept)
        for name in SLIDER_NAMES:
            with naming(f"recipe.sliders.{name}"):
                await self._add_slider(found, name, getattr(recipe.sliders, name))
        return found

    async def _add_taste(self, found: _Sum, weight: steering_pb2.TasteWeight) -> None:
        if not weight.strength and not weight.in_words:
            return
        taste = await self._vectors.taste(weight.taste_id)
        is_said = weight.in_words or taste.direction is None
        if is_said and taste.words:
            found.words.append(taste.words)
            found.notices.append(f"the taste was put into words: {taste.words}")
        elif is_said:
            found.notices.append(
                "the taste has no words: nothing in it stands out, or it was made before playlists were described"
            )
        if taste.direction is None:
            return
        held = min(max(weight.strength, taste.strength_min), taste.strength_max)
        strength = weight.strength if weight.unclamped else held
        if strength != weight.strength:
            found.notices.append(
                f"the taste was held to {strength:g}: its safe range goes from {taste.strength_min:g} to "
                f"{taste.strength_max:g}, not to {weight.strength:g}"
            )
        if weight.strength:
            push = _push(taste.direction, strength, weight)
            found.add(push, steering_pb2.STEERING_KIND_TASTE, weight.taste_id, weight.strength)

    async def _add_concept(self, found: _Sum, weight: steering_pb2.ConceptWeight) -> None:
        if not weight.strength:
            return
        concept = await self._vectors.concept(weight.name)
        low, high = concept.strength_min, concept.strength_max
        strength = weight.strength if weight.unclamped else min(max(weight.strength, low), high)
        if strength != weight.strength:
            found.notices.append(
                f"{weight.name} was held to {strength:g}: its safe range goes from {low:g} to {high:g}, not to {weight.strength:g}"
            )
        push = _push(concept.direction, strength, weight, concept.layer_gains)
        found.add(push, steering_pb2.STEERING_KIND_CONCEPT, weight.name, weight.strength)

    async def _add_slider(self, found: _Sum, name: str, position: float) -> None:
        if not position:
            return
        concept = await self._vectors.slider(name)
        strength = concept.strength_at(position)
        if not strength:
            side = "above" if position > 0 else "below"
            found.notices.append(
                f"the slider {name} does nothing {side} 0 with this model: its calibration found no strength there at which "
                f"the music holds, so {position:g} plays as 0"
            )
        push = WeightedDirection(direction=concept.direction, strength=strength, layer_gains=concept.layer_gains)
        found.add(push, steering_pb2.STEERING_KIND_SLIDER, name, position)

    def _check(self, recipe: steering_pb2.Recipe) -> None:
        faults = [*_layer_faults("tastes", recipe.tastes, self._model.config.layer_count)]
        faults += _layer_faults("concepts", recipe.concepts, self._model.config.layer_count)
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
    defaults = model.description.sampling
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


def _push(
    direction: Direction, strength: float, weight: _Weight, own_gains: Mapping[int, float] | None = None
) -> WeightedDirection:
    """`own_gains` are the concept's; a recipe that names gains has the word."""
    return WeightedDirection(
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
