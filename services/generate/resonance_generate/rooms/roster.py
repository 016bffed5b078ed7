"""Roster: the members of a room, who may enter, and what they did since the last mix."""

from __future__ import annotations

from collections import deque

from resonance.errors import InvalidInput, NotFound, Overloaded, PermissionDenied
from resonance.ids import new_request_id, sha256_hex
from resonance.v1 import rooms_pb2
from resonance_generate.rooms.member import Member, choose_hue

OWNER_ID = "owner"
MOVES_MAX = 64
ABSENT_MAX = 64


class Roster:
    """Members by id, in the order in which they first came. Of those who have left the last ABSENT_MAX are known."""

    def __init__(self, room_id: str, *, members_max: int, listeners_max: int) -> None:
        self._room_id = room_id
        self._members_max, self._listeners_max = members_max, listeners_max
        self.members: dict[str, Member] = {}
        self.removed: set[str] = set()
        self.moves: deque[rooms_pb2.RoomMove] = deque(maxlen=MOVES_MAX)

    @property
    def owner(self) -> Member | None:
        """The owner, who may be away; None before they first came."""
        return self.members.get(OWNER_ID)

    def member_id(self, joining: rooms_pb2.RoomJoining, role: rooms_pb2.RoomRole) -> str:
        """The id of a member: the owner's, one that follows from the member's key, or a new one. The key cannot be read from it."""
        if role == rooms_pb2.ROOM_ROLE_OWNER:
            return OWNER_ID
        key = joining.member_key or new_request_id()
        return "m" + sha256_hex(f"{self._room_id}/{key}".encode())[:12]

    def check_members(self, member_id: str) -> None:
        """Raises PermissionDenied for a member who was sent away, Overloaded where no place is free. One place is kept for the owner."""
        if member_id in self.removed:
            raise PermissionDenied("the owner of the room has sent you away", reason="REMOVED")
        others = sum(one.is_present and name not in (OWNER_ID, member_id) for name, one in self.members.items())
        if member_id != OWNER_ID and others >= self._members_max - 1:
            raise _full("players", self._members_max)

    def check_listeners(self, count: int) -> None:
        """Raises Overloaded where so many listen that none may be added."""
        if count >= self._listeners_max:
            raise _full("listeners", self._listeners_max)

    def check_calls(self, count: int) -> None:
        """Raises Overloaded where as many calls are open as members and listeners may be, those of callers who were cut included."""
        if count >= self._members_max + self._listeners_max:
            raise _full("calls", self._members_max + self._listeners_max)

    def check_rights(self, member: Member | None, control: rooms_pb2.RoomControl) -> Member:
        """The member whose control it is.

        Raises:
            PermissionDenied: a listener's control, or one that is the owner's alone.
            NotFound: a weight or a removal of nobody here.
            InvalidInput: the owner sends themselves away.
        """
        if member is None:
            message = "this link is for listening; ask for the link to play"
            raise PermissionDenied(message, reason="LISTENERS_CANNOT_PLAY")
        if is_general(control) and member.role != rooms_pb2.ROOM_ROLE_OWNER:
            raise PermissionDenied("that is for the owner of the room", reason="NOT_THE_OWNER")
        if unknown := {*control.weights, *control.removed_member_ids} - self.members.keys():
            raise NotFound(f"there is no member {', '.join(sorted(unknown))} here", reason="NO_SUCH_MEMBER")
        if member.member_id in control.removed_member_ids:
            raise InvalidInput("the owner cannot be sent away; stop the room", reason="OWNER_STAYS")
        return member

    def enter(self, member_id: str, joining: rooms_pb2.RoomJoining, role: rooms_pb2.RoomRole, account: str) -> Member:
        """The member who enters: a new one, or one who was here before, with the part they had."""
        member = self.members.get(member_id)
        if member is None:
            number = len(self.members)
            usual = "Host" if role == rooms_pb2.ROOM_ROLE_OWNER else f"Guest {number or 1}"
            member = Member(member_id=member_id, name=usual, hue=choose_hue(number), role=role, account=account)
            self._forget_absent()
            self.members[member_id] = member
        member.name = printable(joining.name) or member.name
        member.hue = joining.hue if joining.HasField("hue") else member.hue
        member.account, member.is_present = account, True
        self.move(member, "joined", 0, 1)
        return member

    def leave(self, member: Member) -> None:
        """Marks a member as away. Their part ends with the next mix."""
        member.is_present = False
        self.move(member, "left", 1, 0)

    def move(self, member: Member, control: str, before: float, after: float) -> None:
        """Notes that a member moved something."""
        self.moves.append(rooms_pb2.RoomMove(member_id=member.member_id, control=control, before=before, after=after))

    def _forget_absent(self) -> None:
        absent = [name for name, member in self.members.items() if not member.is_present and name != OWNER_ID]
        for name in absent[: max(0, len(absent) - ABSENT_MAX + 1)]:
            del self.members[name]


def is_general(control: rooms_pb2.RoomControl) -> bool:
    """True for a control of the whole room, which is for its owner."""
    return bool(control.HasField("recipe") or control.command or control.weights or control.removed_member_ids)


def printable(name: str) -> str:
    """A name without control characters, which a terminal would obey."""
    return "".join(letter for letter in name if letter.isprintable()).strip()


def _full(what: str, count: int) -> Overloaded:
    return Overloaded(f"the room is full: it may have {count} {what}", reason="ROOM_FULL", retry_after_s=30.0)
