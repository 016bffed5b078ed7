"""Prefix of the object store's keys: who writes and reads it, how long it is kept, and which part of it is an owner's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class OwnerPart(Enum):
    """How that part of a prefix is found which goes when all of an owner is deleted."""

    BELOW = auto()  # the keys lie below `users/{owner}/`
    IN_KEY = auto()  # the key names the owner before or behind a point
    IN_DOCUMENT = auto()  # the JSON document has the owner in its field `owner`
    OF_KEYS = auto()  # it belongs to an API key of the owner, whose id is its name
    MARK = auto()  # it tells that the owner is deleted, and goes a day later
    KEPT = auto()  # it names the owner, and is kept on purpose
    NONE = auto()  # it names no owner: it follows from content, or is the installation's


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Ownership of the keys that begin with `name`: one part writes, others may read.

    `is_owned` keys lie below `users/{owner}/` for the owner who made them; of `is_shared` ones every owner also reads the
    installation's. All others are content-addressed or global. `is_recomputed` ones follow from something else: damaged
    ones are set aside, and computed again when they are asked for. `owner_part` must be said of all that are not owned, so that
    the deletion of an owner forgets none.
    """

    name: str
    writer: str
    readers: tuple[str, ...] = ()
    kept: str
    is_owned: bool = False
    is_shared: bool = False
    is_recomputed: bool = False
    owner_part: OwnerPart | None = None

    def __post_init__(self) -> None:
        if self.is_owned == (self.owner_part is not None):
            raise ValueError(f"{self.name}: owned keys lie below their owner; of others owner_part must be said")

    @property
    def deleted_with(self) -> OwnerPart:
        """How the owner's part is found."""
        return self.owner_part or OwnerPart.BELOW
