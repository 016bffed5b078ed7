"""Member: a player of a room, their part, and what they moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resonance.errors import InvalidInput
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import rooms_pb2, steering_pb2
from resonance_generate.rooms.push import MemberVector

# Hues of members who chose none: each is far from the last ones.
_GOLDEN_DEGREES = 137


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A player. `account` is the owner in the store for whom their part is read; `vector` is their part made ready.

    `waiting` is a part that was sent and is not read yet: a later one replaces it.
    """

    member_id: str
    name: str
    hue: int
    role: rooms_pb2.RoomRole
    account: str
    weight: float = 1.0
    is_present: bool = True
    part: rooms_pb2.RoomPart = field(default_factory=rooms_pb2.RoomPart)
    waiting: rooms_pb2.RoomPart | None = None
    vector: MemberVector | None = None
    push_share: float = 0.0
    sounding_share: float = 0.0

    @property
    def counted(self) -> MemberVector:
        """The vector that counts now: nothing while the member is away."""
        if not self.is_present or self.vector is None:
            return MemberVector(weight=0.0, steering=None)
        return MemberVector(weight=self.weight, steering=self.vector.steering, baselines=self.vector.baselines)

    def describe(self) -> rooms_pb2.RoomMember:
        """The member as everybody sees them."""
        return rooms_pb2.RoomMember(
            member_id=self.member_id,
            name=self.name,
            hue=self.hue,
            role=self.role,
            is_present=self.is_present,
            weight=self.weight,
            part=self.part,
            push_share=self.push_share,
            sounding_share=self.sounding_share,
        )


def choose_hue(number: int) -> int:
    """The hue of the member with this number."""
    return number * _GOLDEN_DEGREES % 360


def part_of_recipe(recipe: steering_pb2.Recipe) -> rooms_pb2.RoomPart:
    """Tastes, concepts and sliders of a recipe."""
    return rooms_pb2.RoomPart(tastes=recipe.tastes, concepts=recipe.concepts, sliders=recipe.sliders)


def without_part(recipe: steering_pb2.Recipe) -> steering_pb2.Recipe:
    """A recipe without tastes, concepts and sliders."""
    bare = steering_pb2.Recipe()
    bare.CopyFrom(recipe)
    for name in ("tastes", "concepts", "sliders"):
        bare.ClearField(name)
    return bare


def check_part(part: rooms_pb2.RoomPart) -> None:
    """Raises InvalidInput for what a room cannot do: strengths beyond safe ranges, and tastes in words."""
    weights: list[steering_pb2.TasteWeight | steering_pb2.ConceptWeight] = [*part.tastes, *part.concepts]
    if any(one.unclamped for one in weights):
        raise InvalidInput("strengths stay within their safe ranges in a room", reason="UNCLAMPED_IN_ROOM")
    if any(one.in_words for one in part.tastes):
        raise InvalidInput(
            "the words of a room are those of its owner: use the taste without in_words", reason="WORDS_IN_ROOM"
        )


def find_moves(member_id: str, before: rooms_pb2.RoomPart, after: rooms_pb2.RoomPart) -> Iterator[rooms_pb2.RoomMove]:
    """What differs between two parts of a member."""
    old, new = _positions(before), _positions(after)
    for control in sorted(old.keys() | new.keys()):
        was, is_now = old.get(control, 0.0), new.get(control, 0.0)
        if was != is_now:
            yield rooms_pb2.RoomMove(member_id=member_id, control=control, before=was, after=is_now)


def _positions(part: rooms_pb2.RoomPart) -> dict[str, float]:
    positions = {f"sliders.{name}": getattr(part.sliders, name) for name in SLIDER_NAMES}
    positions |= {f"tastes.{taste.taste_id}": taste.strength for taste in part.tastes}
    positions |= {f"concepts.{one.name}": one.position or one.strength for one in part.concepts}
    return positions
