"""Recipe resolver: defaults, strengths, summed vectors, recipe digest.

`recipe_id` is the beginning of the resolved recipe's digest; each audio chunk carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.protobuf import json_format

from resonance.errors import FailedPrecondition, FieldViolation, InvalidInput, ResonanceError
from resonance.ids import canonical_digest
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.conditions.controls import Controls, ModelWords
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.request import GenerationParams, SteeringRule
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.stacking import Stacked, WeightedDirection, stack

_Weight = steering_pb2.TasteWeight | steering_pb2.ConceptWeight


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRecipe:
    """A recipe with its defaults and its digest, ready for the engine.

    `notices` say in plain words what was changed about the request; `played` are the strengths that act; `asked` is the tempo, key and
    metre that were asked for.
    """

    recipe: steering_pb2.Recipe
    recipe_id: str
    params: GenerationParams
    notices: tuple[str, ...]
    played: tuple[steering_pb2.PlayedStrength, ...]
    asked: generate_pb2.AskedMusic


@dataclass(slots=True, kw_only=True)
class _Collected:
    """Directions and words of a recipe, collected while it is resolved."""

    directions: list[WeightedDirection] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    played: list[steering_pb2.PlayedStrength] = field(default_factory=list)

    def add(self, weighted: WeightedDirection, kind: steering_pb2.SteeringKind, name: str, requested: float) -> None:
        """Adds a weighted direction. One of strength 0 is listed in `played` and adds nothing."""
        self.played.append(
            steering_pb2.PlayedStrength(kind=kind, name=name, asked=requested, strength=weighted.strength)
        )
        if weighted.strength:
            self.directions.append(weighted)


class RecipeResolver:
    """Turns recipes into generation parameters for one model."""

    def __init__(self, model: LoadedModel, vectors: Vectors) -> None:
        self._model = model
        self._vectors = vectors
        self._controls = Controls(model)

    async def resolve(self, recipe: steering_pb2.Recipe) -> ResolvedRecipe:
        """Fills in defaults, fetches and checks every vector, and sums them.

        Raises:
            InvalidInput: the recipe contradicts itself or names a layer that the model does not have.
            NotFound: there is no such taste or concept.
            FailedPrecondition: a vector of another model, a concept that is not ready, or a direction without baselines under a rule
                that needs them.
        """
        recipe = _with_defaults(recipe, self._model)
        self._check(recipe)
        self._controls.fill_in(recipe)
        total = await self._collect(recipe)
        recipe_id = canonical_digest(json_format.MessageToDict(recipe))[:16]
        words = self._controls.translate(recipe, total.words)
        params = _to_params(recipe, recipe_id, words, self._stack(recipe, total.directions))
        return ResolvedRecipe(
            recipe=recipe,
            recipe_id=recipe_id,
            params=params,
            notices=(*total.notices, *words.notices),
            played=tuple(total.played),
            asked=words.asked,
        )

    def _stack(self, recipe: steering_pb2.Recipe, directions: list[WeightedDirection]) -> Stacked | None:
        stacked = stack(
            directions,
            self._model.config,
            digest=self._model.description.digest,
            both_branches=recipe.steering_target == steering_pb2.STEERING_TARGET_BOTH,
            is_joint=recipe.stacking == steering_pb2.STACKING_JOINT,
        )
        needs_baselines = _RULES[recipe.steering_rule] is not SteeringRule.ADD
        if needs_baselines and stacked is not None and stacked.baselines is None:
            message = "a direction of this recipe has no baselines; extract it again, or use steering_rule add"
            raise FailedPrecondition(message, reason="NO_BASELINES")
        return stacked

    async def _collect(self, recipe: steering_pb2.Recipe) -> _Collected:
        total = _Collected()
        for index, taste in enumerate(recipe.tastes):
            with naming_field(f"recipe.tastes[{index}].taste_id"):
                await self._add_taste(total, taste)
        for index, concept in enumerate(recipe.concepts):
            with naming_field(f"recipe.concepts[{index}].name"):
                await self._add_concept(total, concept)
        for name in SLIDER_NAMES:
            with naming_field(f"recipe.sliders.{name}"):
                await self._add_slider(total, name, getattr(recipe.sliders, name))
        return total

    async def _add_taste(self, total: _Collected, weight: steering_pb2.TasteWeight) -> None:
        if not weight.strength and not weight.in_words:
            return
        taste = await self._vectors.taste(weight.taste_id)
        is_worded = weight.in_words or taste.direction is None
        if is_worded and taste.words:
            total.words.append(taste.words)
            total.notices.append(f"the taste was put into words: {taste.words}")
        elif is_worded:
            total.notices.append("the taste has no words: nothing in it stands out")
        if taste.direction is None:
            return
        held = min(max(weight.strength, taste.strength_min), taste.strength_max)
        strength = weight.strength if weight.unclamped else held
        if strength != weight.strength:
            total.notices.append(
                f"the taste was held to {strength:g}: its safe range goes from {taste.strength_min:g} to "
                f"{taste.strength_max:g}, not to {weight.strength:g}"
            )
        if weight.strength:
            weighted = _weigh(taste.direction, strength, weight)
            total.add(weighted, steering_pb2.STEERING_KIND_TASTE, weight.taste_id, weight.strength)

    async def _add_concept(self, total: _Collected, weight: steering_pb2.ConceptWeight) -> None:
        if not weight.strength and not weight.position:
            return
        concept = await self._vectors.concept(weight.name)
        if weight.position:
            strength = concept.strength_at(weight.position)
            if not strength:
                total.notices.append(_describe_closed_side(f"the concept {weight.name}", weight.position))
            weighted = _weigh(concept.direction, strength, weight, concept.layer_gains)
            total.add(weighted, steering_pb2.STEERING_KIND_CONCEPT, weight.name, weight.position)
            return
        low, high = concept.strength_min, concept.strength_max
        strength = weight.strength if weight.unclamped else min(max(weight.strength, low), high)
        if strength != weight.strength:
            total.notices.append(
                f"{weight.name} was held to {strength:g}: its safe range goes from {low:g} to {high:g}, not to {weight.strength:g}"
            )
        weighted = _weigh(concept.direction, strength, weight, concept.layer_gains)
        total.add(weighted, steering_pb2.STEERING_KIND_CONCEPT, weight.name, weight.strength)

    async def _add_slider(self, total: _Collected, name: str, position: float) -> None:
        if not position:
            return
        concept = await self._vectors.slider(name)
        strength = concept.strength_at(position)
        if not strength:
            total.notices.append(_describe_closed_side(f"the slider {name}", position))
        weighted = WeightedDirection(direction=concept.direction, strength=strength, layer_gains=concept.layer_gains)
        total.add(weighted, steering_pb2.STEERING_KIND_SLIDER, name, position)

    def _check(self, recipe: steering_pb2.Recipe) -> None:
        faults = [*_layer_faults("tastes", recipe.tastes, self._model.config.layer_count)]
        faults += _layer_faults("concepts", recipe.concepts, self._model.config.layer_count)
        faults += [
            _fault(f"recipe.concepts[{index}].position", "TWO_STRENGTHS", "give a strength or a position, not both")
            for index, weight in enumerate(recipe.concepts)
            if weight.strength and weight.HasField("position")
        ]
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


@contextmanager
def naming_field(field: str) -> Iterator[None]:
    """Adds a field to a refusal that names none."""
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
    if not whole.HasField("novelty"):
        whole.novelty = defaults.novelty
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


def _to_params(
    recipe: steering_pb2.Recipe, recipe_id: str, words: ModelWords, stacked: Stacked | None
) -> GenerationParams:
    return GenerationParams(
        recipe_id=recipe_id,
        prompts=tuple(words.prompts),
        negative=words.negative,
        steering=None if stacked is None else stacked.steering,
        baselines=None if stacked is None else stacked.baselines,
        rule=_RULES[recipe.steering_rule],
        guidance_scale=recipe.guidance_scale,
        temperature=recipe.temperature,
        top_k=recipe.top_k,
        novelty=recipe.novelty,
    )


def _weigh(
    direction: Direction, strength: float, weight: _Weight, own_gains: Mapping[int, float] | None = None
) -> WeightedDirection:
    """A direction under a recipe's weight. Layer gains of the recipe take precedence over the concept's `own_gains`."""
    return WeightedDirection(
        direction=direction,
        strength=strength,
        is_per_layer=weight.layer_mode != steering_pb2.LAYER_MODE_ONE_TO_ALL,
        layer_gains=dict(weight.layer_gains) or dict(own_gains or {}),
    )


def _describe_closed_side(what: str, position: float) -> str:
    side = "above" if position > 0 else "below"
    return (
        f"{what} does nothing {side} 0 with this model: its calibration found no strength there at which the music holds, "
        f"so {position:g} plays as 0"
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
