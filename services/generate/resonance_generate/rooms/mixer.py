"""Mixer: parts of members read into vectors, and the room's parameters made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from resonance.errors import FailedPrecondition, ResonanceError
from resonance.identity import acting_as
from resonance.ids import canonical_digest, sha256_hex
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import generate_pb2, rooms_pb2, steering_pb2
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.request import GenerationParams
from resonance_generate.responses import build_recipe_in_force
from resonance_generate.rooms.member import Member, check_part, without_part
from resonance_generate.rooms.push import MemberVector, Push, combine

_log = structlog.get_logger("rooms")


class Mixer:
    """Reads parts for the accounts they belong to, and combines the vectors."""

    def __init__(self, resolver: RecipeResolver, vectors: Vectors) -> None:
        self._resolver = resolver
        self._vectors = vectors

    async def read_base(self, recipe: steering_pb2.Recipe) -> ResolvedRecipe:
        """Words and settings of all, for the owner's account. Raises what `RecipeResolver.resolve` raises."""
        return await self._resolver.resolve(without_part(recipe))

    async def read_offers(self, taste_ids: Sequence[str]) -> list[rooms_pb2.OfferedTaste]:
        """The owner's tastes that all may use. Raises NotFound and FailedPrecondition for those that cannot be used."""
        offers = []
        for taste_id in taste_ids:
            taste = await self._vectors.taste(taste_id)
            if taste.direction is None:
                raise _words_only(taste_id)
            offers.append(rooms_pb2.OfferedTaste(taste_id=taste_id, title=taste.words or taste_id))
        return offers

    async def find_sliders(self) -> list[str]:
        """The sliders that the model has."""
        ready = []
        for name in SLIDER_NAMES:
            try:
                await self._vectors.slider(name)
            except ResonanceError as refusal:
                _log.debug("slider left out of a room", slider=name, reason=refusal.reason)
                continue
            ready.append(name)
        return ready

    async def read_part(
        self,
        member: Member,
        part: rooms_pb2.RoomPart,
        base: ResolvedRecipe,
        *,
        owner: str,
        offered: frozenset[str],
    ) -> generate_pb2.RecipeInForce:
        """Reads a part into the member's vector; the member is changed only where all of it can be used.

        Offered tastes are read for the account of the room's `owner`, all else for the member's own.

        Raises:
            ResonanceError: what `RecipeResolver.resolve` raises, and the refusals of `check_part`.
        """
        check_part(part)
        offers, own = _split(part, offered if member.account != owner else frozenset())
        pieces = []
        for account, some in ((member.account, own), (owner, offers)):
            if some is not None:
                with acting_as(account):
                    pieces.append(await self._read(some, base))
        steerings = [one.params.steering for one in pieces if one.params.steering is not None]
        baselines = [one.params.baselines for one in pieces if one.params.steering is not None]
        known = [one for one in baselines if one is not None]
        member.vector = MemberVector(
            weight=1.0,
            steering=sum(steerings[1:], steerings[0]) if steerings else None,
            baselines=sum(known[1:], known[0]) if known and len(known) == len(baselines) else None,
        )
        member.part = part
        told = build_recipe_in_force(pieces[0], sample_offset=0, melody_sha256="")
        for piece in pieces[1:]:
            told.played.extend(piece.played)
        return told

    def mix(self, base: ResolvedRecipe, members: Sequence[Member]) -> tuple[GenerationParams, Push]:
        """Parameters of the whole room, and the push in them; every member's shares are set."""
        push = combine([member.counted for member in members])
        for member, share, sounding in zip(members, push.push_shares, push.sounding_shares, strict=True):
            member.push_share, member.sounding_share = share, sounding
        parts = [
            [member.member_id, member.weight, sha256_hex(member.part.SerializeToString(deterministic=True))]
            for member in members
            if member.is_present
        ]
        recipe_id = canonical_digest([base.recipe_id, parts])[:16]
        params = replace(base.params, recipe_id=recipe_id, steering=push.steering, baselines=push.baselines)
        return params, push

    async def _read(self, part: rooms_pb2.RoomPart, base: ResolvedRecipe) -> ResolvedRecipe:
        for taste in part.tastes:
            if (await self._vectors.taste(taste.taste_id)).direction is None:
                raise _words_only(taste.taste_id)
        recipe = without_part(base.recipe)
        recipe.tastes.extend(part.tastes)
        recipe.concepts.extend(part.concepts)
        recipe.sliders.CopyFrom(part.sliders)
        return await self._resolver.resolve(recipe)


def bar_length_s(base: ResolvedRecipe) -> float:
    """The length of a bar of the tempo that the model was told; 0 without one. Bars count from the first sample."""
    asked = base.asked
    bpm = asked.told_bpm if asked.HasField("told_bpm") else asked.bpm
    beats, _, unit = (asked.metre or "4/4").partition("/")
    return 60.0 / bpm * int(beats) * 4 / int(unit) if bpm else 0.0


def _split(part: rooms_pb2.RoomPart, offered: frozenset[str]) -> tuple[rooms_pb2.RoomPart | None, rooms_pb2.RoomPart]:
    """Offered tastes, or None where there are none, and the rest."""
    offers = [taste for taste in part.tastes if taste.taste_id in offered]
    own = rooms_pb2.RoomPart(
        tastes=[taste for taste in part.tastes if taste.taste_id not in offered],
        concepts=part.concepts,
        sliders=part.sliders,
    )
    return (rooms_pb2.RoomPart(tastes=offers) if offers else None), own


def _words_only(taste_id: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"taste {taste_id} is words alone, and a room has the words of its owner", reason="WORDS_IN_ROOM"
    )
