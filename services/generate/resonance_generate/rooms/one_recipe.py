"""The nearest recipe of one person to what a room plays, for the take of a room that is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import steering_pb2
from resonance_generate.rooms.member import Member

_TASTES_MAX, _CONCEPTS_MAX = 8, 16


def to_one_recipe(base: steering_pb2.Recipe, members: Iterable[Member], budget_share: float) -> steering_pb2.Recipe:
    """The base recipe with the positions and strengths of all who are present, by weight and budget.

    It is an approximation: positions are not strengths, and the room sums vectors. Beyond what a recipe can hold, the strongest stay.
    """
    recipe = steering_pb2.Recipe()
    recipe.CopyFrom(base)
    tastes, concepts, positions = (
        defaultdict[str, float](float),
        defaultdict[str, float](float),
        defaultdict[str, float](float),
    )
    for member in members:
        factor = member.weight * budget_share if member.is_present else 0.0
        for taste in member.part.tastes:
            tastes[taste.taste_id] += factor * taste.strength
        for concept in member.part.concepts:
            (positions if concept.position else concepts)[concept.name] += factor * (
                concept.position or concept.strength
            )
        for name in SLIDER_NAMES:
            position = getattr(recipe.sliders, name) + factor * getattr(member.part.sliders, name)
            setattr(recipe.sliders, name, min(1.0, max(-1.0, position)))
    for taste_id, strength in _strongest(tastes, _TASTES_MAX):
        recipe.tastes.add(taste_id=taste_id, strength=strength)
    for name, position in _strongest(positions, _CONCEPTS_MAX // 2):
        recipe.concepts.add(name=name, position=min(1.0, max(-1.0, position)))
    for name, strength in _strongest(concepts, _CONCEPTS_MAX // 2):
        recipe.concepts.add(name=name, strength=strength)
    return recipe


def _strongest(amounts: dict[str, float], count: int) -> list[tuple[str, float]]:
    found = [(name, amount) for name, amount in amounts.items() if amount]
    return sorted(found, key=lambda one: -abs(one[1]))[:count]
