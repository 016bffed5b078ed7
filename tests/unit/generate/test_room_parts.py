"""Parts of a room: its bounded buffer, its roster, what moved, and the recipe that is kept."""

from __future__ import annotations

import asyncio

import pytest

from resonance.broadcast import MESSAGES_MAX, Broadcast
from resonance.errors import InvalidInput, Overloaded, PermissionDenied
from resonance.v1 import audio_pb2, rooms_pb2, steering_pb2
from resonance_generate.rooms.connection import Connection
from resonance_generate.rooms.member import Member, check_part, find_moves
from resonance_generate.rooms.one_recipe import to_one_recipe
from resonance_generate.rooms.roster import ABSENT_MAX, Roster

PLAYER, OWNER = rooms_pb2.ROOM_ROLE_PLAYER, rooms_pb2.ROOM_ROLE_OWNER


def chunk(number: int, count: int = 100) -> audio_pb2.AudioChunk:
    return audio_pb2.AudioChunk(sequence=number, sample_offset=number * count, sample_count=count, data=b"\0\0" * count)


def test_the_buffer_keeps_the_newest_samples_and_no_more() -> None:
    broadcast = Broadcast(samples_max=1000)
    for number in range(25):
        broadcast.put(chunk(number))
    assert (broadcast.first, broadcast.end) == (15, 25)
    assert broadcast.get(15).sequence == 15
    with pytest.raises(IndexError):
        broadcast.get(14)


def test_the_buffer_is_bounded_where_no_chunk_comes() -> None:
    broadcast = Broadcast(samples_max=1000)
    for _ in range(MESSAGES_MAX + 50):
        broadcast.put(rooms_pb2.RoomMix())
    assert broadcast.end - broadcast.first == MESSAGES_MAX


def test_a_new_listener_starts_with_whole_chunks_of_the_last_moment() -> None:
    broadcast = Broadcast(samples_max=1000)
    assert broadcast.find_start(250) == 0
    for number in range(8):
        broadcast.put(chunk(number))
    broadcast.put(rooms_pb2.RoomMix())
    assert broadcast.next_sample(broadcast.find_start(250)) == 600
    assert broadcast.find_start(50) == broadcast.end


async def test_a_reader_who_fell_behind_gets_the_mix_in_force_and_the_newest_chunk() -> None:
    broadcast, mix = Broadcast(samples_max=500), rooms_pb2.RoomMix(recipe_id="now")
    connection = Connection(member=None, has_sound=True)
    events = connection.events(broadcast, lambda: mix)
    broadcast.put(chunk(0))
    assert (await anext(events)).sequence == 0
    for number in range(1, 20):
        broadcast.put(chunk(number))
    told = [await anext(events) for _ in range(3)]
    assert told[0] is mix
    assert (told[1].sample_offset_before, told[1].sample_offset) == (100, 1900)
    assert told[2].sequence == 19
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    broadcast.put(chunk(20))
    assert (await waiting).sequence == 20
    await events.aclose()


def test_one_place_is_kept_for_the_owner_and_those_sent_away_stay_away() -> None:
    roster = Roster("room", members_max=2, listeners_max=1)
    joining = rooms_pb2.RoomJoining(member_key="k" * 16)
    name = roster.member_id(joining, PLAYER)
    assert name == roster.member_id(joining, PLAYER)
    roster.check_members(name)
    roster.enter(name, joining, PLAYER, "")
    other = roster.member_id(rooms_pb2.RoomJoining(member_key="o" * 16), PLAYER)
    with pytest.raises(Overloaded):
        roster.check_members(other)
    roster.check_members(name)  # one who joins again takes no second place
    roster.check_members(roster.member_id(joining, OWNER))
    roster.removed.add(name)
    with pytest.raises(PermissionDenied):
        roster.check_members(name)


def test_those_who_left_are_forgotten_in_the_end() -> None:
    roster = Roster("room", members_max=4, listeners_max=1)
    for _ in range(3 * ABSENT_MAX):
        name = roster.member_id(rooms_pb2.RoomJoining(), PLAYER)
        roster.leave(roster.enter(name, rooms_pb2.RoomJoining(), PLAYER, ""))
    assert len(roster.members) <= ABSENT_MAX + 1


def test_moves_name_what_differs() -> None:
    before = rooms_pb2.RoomPart(sliders=steering_pb2.Sliders(energy=0.5, tempo=1.0))
    after = rooms_pb2.RoomPart(sliders=steering_pb2.Sliders(energy=1.0, tempo=1.0))
    after.tastes.add(taste_id="t-1", strength=0.75)
    moves = [(move.control, move.before, move.after) for move in find_moves("m", before, after)]
    assert moves == [("sliders.energy", 0.5, 1.0), ("tastes.t-1", 0.0, 0.75)]


def test_a_part_stays_within_safe_ranges_and_has_no_words() -> None:
    part = rooms_pb2.RoomPart()
    part.concepts.add(name="jazz", strength=3, unclamped=True)
    with pytest.raises(InvalidInput, match="safe ranges"):
        check_part(part)
    part = rooms_pb2.RoomPart()
    part.tastes.add(taste_id="t-1", in_words=True)
    with pytest.raises(InvalidInput, match="in_words"):
        check_part(part)


def test_the_kept_recipe_has_what_all_who_are_present_ask_for_by_weight_and_budget() -> None:
    base = steering_pb2.Recipe(key="C major")
    members = [member("a", energy=1.0), member("b", energy=1.0, tempo=-0.5), member("c", energy=1.0)]
    members[1].weight, members[2].is_present = 0.5, False
    recipe = to_one_recipe(base, members, 0.5)
    assert recipe.key == "C major"
    assert recipe.sliders.energy == pytest.approx(0.75)
    assert recipe.sliders.tempo == pytest.approx(-0.125)


def member(name: str, **positions: float) -> Member:
    part = rooms_pb2.RoomPart(sliders=steering_pb2.Sliders(**positions))
    return Member(member_id=name, name=name, hue=0, role=PLAYER, account="", part=part)
