"""Recipes that replace a take's first recipe at given times, and change no sample before them."""

from __future__ import annotations

import math

from resonance.errors import invalid_field
from resonance.v1 import generate_pb2
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe, naming_field

# (first frame, recipe made ready), in rising order.
RecipeChanges = tuple[tuple[int, ResolvedRecipe], ...]
_NOTICES_MAX = 8


class RecipeChangeReader:
    """Resolves the changes of requests and of stored takes."""

    def __init__(self, resolver: RecipeResolver, info: generate_pb2.ModelInfo) -> None:
        self._resolver = resolver
        self._info = info

    async def read(self, request: generate_pb2.GenerateRequest) -> RecipeChanges:
        """The changes of a request.

        Raises:
            InvalidInput: the times do not rise, or lie outside of the take; or the request is for a loop.
            NotFound, FailedPrecondition: as `RecipeResolver.resolve`, naming the change.
        """
        if request.recipe_changes and request.loop:
            raise invalid_field(
                "recipe_changes", "CONFLICT", "a loop has one recipe: leave `recipe_changes` or `loop` out"
            )
        changes: list[tuple[int, ResolvedRecipe]] = []
        last_s = 0.0
        for number, change in enumerate(request.recipe_changes):
            if not last_s < change.start_s < request.duration_s:
                message = f"must lie after {last_s:g} s and before the take's end at {request.duration_s:g} s"
                raise invalid_field(f"recipe_changes[{number}].start_s", "OUT_OF_ORDER", message)
            last_s = change.start_s
            with naming_field(f"recipe_changes[{number}].recipe"):
                resolved = await self._resolver.resolve(change.recipe)
            changes.append((math.ceil(round(change.start_s * self._info.frame_rate_hz, 6)), resolved))
        return tuple(changes)

    async def read_again(self, take: generate_pb2.Take) -> RecipeChanges:
        """The changes of a stored take, to make it again. Raises as `RecipeResolver.resolve`."""
        hop = self._info.sample_rate_hz / self._info.frame_rate_hz
        return tuple(
            [
                (round(change.sample_offset / hop), await self._resolver.resolve(change.recipe))
                for change in take.recipe_changes
            ]
        )

    def describe(self, changes: RecipeChanges, take: generate_pb2.Take) -> None:
        """Writes the changes into a take's description, with their notices and the time at which each holds."""
        hop = round(self._info.sample_rate_hz / self._info.frame_rate_hz)
        known, notices = set(take.notices), list[str]()
        for frame, resolved in changes:
            take.recipe_changes.add(sample_offset=frame * hop, recipe=resolved.recipe, recipe_id=resolved.recipe_id)
            for notice in resolved.notices:
                if notice not in known:
                    known.add(notice)
                    notices.append(f"from {frame / self._info.frame_rate_hz:.1f} s: {notice}")
        take.notices.extend(notices[:_NOTICES_MAX])
        if len(notices) > _NOTICES_MAX:
            take.notices.append(f"{len(notices) - _NOTICES_MAX} more notices of later recipes are left out")
