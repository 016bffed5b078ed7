"""Rooms on a real server: one slot, the same bytes for all, slow listeners, tokens, limits, the owner's absence."""

from __future__ import annotations

import asyncio
import sys
import wave
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.directions import put_taste
from support.polling import eventually
from support.rooms import Person, free_port, serve, slider, slow_stub, wait_until

from resonance.api_keys import ApiKeys
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.formats import format_named
from resonance.client import AsyncClient
from resonance.client.rooms import RoomReader
from resonance.errors import (
    DataLoss,
    InvalidInput,
    NotFound,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from resonance.rpc import open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.usage import read_usage
from resonance.v1 import audio_pb2, generate_pb2, generate_pb2_grpc, rooms_pb2, rooms_pb2_grpc
from resonance_cli.room_member import RoomMember, parse_room_link
from resonance_model.loaded_model import LoadedModel


async def test_thirty_two_listeners_hear_the_same_bytes_from_one_slot_though_some_leave_and_some_read_nothing(
    tiny: LoadedModel,
) -> None:
    async with serve(tiny, room_lag_s_max=1.0) as server, AsyncExitStack() as stack:
        room = await server.open()
        owner = await stack.enter_async_context(Person(server.stub, room.room_id, room.owner_token))
        people = [Person(server.stub, room.room_id, room.listen_token) for _ in range(32)]
        for person in people:
            await stack.enter_async_context(person)
        quick, leaving, sleeping = people[:20], people[20:26], people[26:]
        await eventually(lambda: server.engine.running_count == 1)
        rate_hz = owner.all("started")[0].format.sample_rate_hz
        await asyncio.gather(*(one.read(lambda one=one: one.last_sample > rate_hz) for one in [*quick, *leaving]))
        for one in leaving:
            await one.__aexit__()
        await asyncio.gather(*(one.read(lambda one=one: one.last_sample > 4 * rate_hz) for one in [owner, *quick]))
        assert server.engine.running_count == 1
        whole = owner.samples()
        for one in quick:
            heard = one.samples()
            assert one.all("skipped") == []
            assert heard == {offset: data for offset, data in whole.items() if offset in heard}
            assert len(heard) > 10
        assert len(sleeping) == 6


async def test_a_listener_who_falls_behind_goes_on_at_the_present_and_is_told(tiny: LoadedModel) -> None:
    # A busy machine may keep the test from reading for seconds; who is cut for that is another test's matter.
    async with serve(tiny, room_lag_s_max=1.0, stream_stall_s_max=30.0) as server:
        room = await server.open()
        async with (
            Person(server.stub, room.room_id, room.owner_token) as owner,
            slow_stub(server) as stub,
            Person(stub, room.room_id, room.listen_token) as slow,
        ):
            rate_hz = owner.all("started")[0].format.sample_rate_hz
            reading = asyncio.create_task(owner.read(lambda: owner.last_sample > 9 * rate_hz, 40))
            while not slow.all("skipped") and not reading.done():
                count = len(slow.came)
                await slow.read(lambda count=count: len(slow.came) > count)
                await asyncio.sleep(0.5)
            await reading
            skipped = slow.all("skipped")
            assert skipped
            assert skipped[0].sample_offset > skipped[0].sample_offset_before
            heard = slow.samples()
            whole = owner.samples()
            assert all(whole[offset] == data for offset, data in heard.items() if offset in whole)


async def test_one_who_reads_nothing_is_cut_with_a_typed_error_and_the_others_hear_on(tiny: LoadedModel) -> None:
    async with serve(tiny, room_lag_s_max=1.0) as server:
        room = await server.open()
        async with Person(server.stub, room.room_id, room.owner_token) as owner, slow_stub(server) as stub:
            deaf = Person(stub, room.room_id, room.play_token, name="Deaf")
            async with deaf:
                await owner.read(lambda: any(one.name == "Deaf" and one.is_present for one in owner.mix.members))
                await owner.read(
                    lambda: any(one.name == "Deaf" and not one.is_present for one in owner.mix.members), 40
                )
                with pytest.raises(Unavailable) as refusal:
                    await deaf.read(lambda: False)
                assert refusal.value.reason == "LISTENER_TOO_SLOW"
            at = owner.last_sample
            await owner.read(lambda: owner.last_sample > at + 16_000)
            owner.samples()


async def test_wrong_tokens_rooms_and_rights_are_refused_with_a_reason(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open()
        with pytest.raises(PermissionDenied) as refusal:
            await Person(server.stub, room.room_id, "a" * 26).__aenter__()
        assert refusal.value.reason == "WRONG_ROOM_TOKEN"
        with pytest.raises(NotFound) as missing:
            await Person(server.stub, "a" * 26, room.play_token).__aenter__()
        assert missing.value.reason == "NO_SUCH_ROOM"
        assert len({room.owner_token, room.play_token, room.listen_token}) == 3
        async with (
            Person(server.stub, room.room_id, room.owner_token) as owner,
            Person(server.stub, room.room_id, room.play_token) as player,
            Person(server.stub, room.room_id, room.listen_token) as listener,
        ):
            listener.send(part=rooms_pb2.RoomPart())
            await listener.read(lambda: listener.all("recipe"))
            assert listener.all("recipe")[0].fault.startswith("LISTENERS_CANNOT_PLAY")
            player.send(command=generate_pb2.PLAYBACK_COMMAND_STOP)
            await player.read(lambda: player.all("recipe"))
            assert player.all("recipe")[0].fault.startswith("NOT_THE_OWNER")
            loud = rooms_pb2.RoomPart()
            loud.tastes.add(taste_id="t-any", strength=1, unclamped=True)
            player.send(part=loud)
            await player.read(lambda: len(player.all("recipe")) == 2)
            assert player.all("recipe")[1].fault.startswith("UNCLAMPED_IN_ROOM")
            owner.send(removed_member_ids=["nobody"])
            owner.send(removed_member_ids=["owner"])
            owner.send(weights={"nobody": 0.5})
            await owner.read(lambda: sum(one.HasField("fault") for one in owner.all("recipe")) == 3)
            faults = [one.fault.partition(":")[0] for one in owner.all("recipe") if one.HasField("fault")]
            assert faults == ["NO_SUCH_MEMBER", "OWNER_STAYS", "NO_SUCH_MEMBER"]
            owner.send(removed_member_ids=[player.joined[0].member_id])
            await player.read(lambda: player.all("ended"))
            assert player.all("ended")[0].reason == "REMOVED"
            owner.send(command=generate_pb2.PLAYBACK_COMMAND_STOP)
            await listener.read(lambda: listener.all("ended"))
            assert listener.all("ended")[0].reason == "STOPPED"
            assert listener.all("ended")[0].end.sample_count_total > 0


async def test_full_rooms_and_too_many_rooms_are_told_as_resource_exhausted(tiny: LoadedModel) -> None:
    async with serve(tiny, room_members_max=2, room_listeners_max=1, rooms_open_max=1) as server:
        room = await server.open()
        with pytest.raises(Overloaded) as refusal:
            await server.open()
        assert refusal.value.reason == "TOO_MANY_ROOMS"
        async with (
            Person(server.stub, room.room_id, room.play_token),
            Person(server.stub, room.room_id, room.listen_token),
        ):
            for token in (room.play_token, room.listen_token):
                with pytest.raises(Overloaded) as full:
                    await Person(server.stub, room.room_id, token).__aenter__()
                assert full.value.reason == "ROOM_FULL"
            async with Person(server.stub, room.room_id, room.owner_token) as owner:  # a place is kept for the owner
                assert owner.joined[0].role == rooms_pb2.ROOM_ROLE_OWNER


async def test_everybody_sees_who_moved_what_and_how_much_of_each_is_in_the_push(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open(name="Friday")
        async with (
            Person(server.stub, room.room_id, room.owner_token, name="Ada") as owner,
            Person(server.stub, room.room_id, room.play_token, name="Ben", hue=200) as ben,
        ):
            assert ben.joined[0].name == "Friday"
            ben.send(part=slider(energy=1.0))
            await ben.read(lambda: ben.all("recipe"))
            told = ben.all("recipe")[0]
            assert not told.HasField("fault")
            assert [one.name for one in told.played] == ["energy"]
            ben_id = ben.joined[0].member_id
            await owner.read(lambda: owner.mix.recipe_id == told.recipe_id)
            moves = [move for mix in owner.all("mix") for move in mix.moves if move.control == "sliders.energy"]
            assert [(move.member_id, move.before, move.after) for move in moves] == [(ben_id, 0.0, 1.0)]
            assert owner.member(ben_id).hue == 200
            assert owner.member(ben_id).push_share == pytest.approx(1.0)
            assert owner.member("owner").push_share == 0.0
            owner.send(part=slider(energy=1.0))
            await owner.read(lambda: owner.member("owner").push_share > 0)
            assert owner.member(ben_id).push_share == pytest.approx(0.5)
            assert owner.member(ben_id).sounding_share == pytest.approx(1.0)  # both ask for the same, once
            assert owner.mix.budget_share == pytest.approx(0.5)
            owner.send(weights={ben_id: 0.0})
            await owner.read(lambda: owner.member(ben_id).weight == 0.0)
            assert owner.member("owner").push_share == pytest.approx(1.0)
            recipe_id = owner.mix.recipe_id
            await owner.read(lambda: owner.all("chunk")[-1].recipe_id == recipe_id)


async def test_a_mix_begins_at_a_bar_line_where_a_tempo_was_asked_for(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open(bpm=120.0)
        async with Person(server.stub, room.room_id, room.owner_token) as owner:
            rate_hz = owner.all("started")[0].format.sample_rate_hz
            await owner.read(lambda: owner.last_sample > rate_hz // 4 and owner.all("recipe"))
            owner.send(part=slider(energy=0.5))
            await owner.read(lambda: len(owner.all("recipe")) == 2 and owner.all("mix"))
            answers = owner.all("recipe")
            assert owner.mix.bar_s == pytest.approx(2.0)
            start = answers[-1].sample_offset
            assert start > 0
            assert start % (2 * rate_hz) == 0
            await owner.read(lambda: owner.last_sample > start + rate_hz // 4)
            by_recipe = {chunk.sample_offset: chunk.recipe_id for chunk in owner.all("chunk")}
            assert min(at for at, recipe_id in by_recipe.items() if recipe_id == answers[-1].recipe_id) == start


async def test_the_owner_comes_back_within_the_time_and_the_room_ends_without_them(tiny: LoadedModel) -> None:
    async with serve(tiny, room_owner_away_s_max=3.0) as server:
        room = await server.open()
        async with Person(server.stub, room.room_id, room.listen_token) as listener:
            async with Person(server.stub, room.room_id, room.owner_token) as owner:
                owner.send(part=slider(energy=0.5))
                await owner.read(lambda: owner.all("recipe"))
                async with Person(server.stub, room.room_id, room.owner_token) as again:
                    await owner.read(lambda: owner.all("ended"))
                    assert owner.all("ended")[0].reason == "TAKEN_OVER"
                    await again.read(lambda: again.all("mix"))
                    assert again.member("owner").part.sliders.energy == 0.5
            await asyncio.sleep(1.0)
            async with Person(server.stub, room.room_id, room.owner_token) as back:
                rate_hz = back.all("started")[0].format.sample_rate_hz
                await asyncio.gather(
                    back.read(lambda: back.last_sample > 4 * rate_hz),
                    listener.read(lambda: listener.last_sample > 4 * rate_hz),
                )
                assert listener.all("ended") == []
            await listener.read(lambda: listener.all("ended"))
            assert listener.all("ended")[0].reason == "OWNER_AWAY"
            listener.samples()
        await wait_until(lambda: server.engine.running_count == 0)
        with pytest.raises(NotFound):
            await Person(server.stub, room.room_id, room.owner_token).__aenter__()


async def test_a_member_who_joins_again_with_their_key_has_their_part_again(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open()
        key = "k" * 20
        async with Person(server.stub, room.room_id, room.owner_token) as owner:
            async with Person(server.stub, room.room_id, room.play_token, member_key=key) as ben:
                ben.send(part=slider(tempo=-1.0))
                await ben.read(lambda: ben.all("recipe"))
                ben_id = ben.joined[0].member_id
            await owner.read(lambda: not owner.member(ben_id).is_present)
            assert owner.member(ben_id).push_share == 0.0
            async with Person(server.stub, room.room_id, room.play_token, member_key=key) as ben:
                assert ben.joined[0].member_id == ben_id
                await owner.read(lambda: owner.member(ben_id).push_share == pytest.approx(1.0))


async def test_tastes_are_read_for_their_own_account_and_offered_ones_for_all(tiny: LoadedModel) -> None:
    store = MemoryStore()
    await put_taste(store, tiny, "t-mine")
    async with serve(tiny, store) as server:
        room = await server.open(offered_taste_ids=["t-mine"])
        async with (
            Person(server.stub, room.room_id, room.owner_token),
            Person(server.stub, room.room_id, room.play_token) as ben,
        ):
            assert [one.taste_id for one in ben.joined[0].offered_tastes] == ["t-mine"]
            part = rooms_pb2.RoomPart()
            part.tastes.add(taste_id="t-mine", strength=1.0)
            ben.send(part=part)
            await ben.read(lambda: ben.member().push_share == pytest.approx(1.0))
            part.tastes[0].taste_id = "t-none"
            ben.send(part=part)
            await ben.read(lambda: len(ben.all("recipe")) == 2)
            assert ben.all("recipe")[1].fault.startswith("NO_SUCH_TASTE")
            assert ben.member().push_share == pytest.approx(1.0)  # the refused part changed nothing
        with pytest.raises(NotFound):
            await server.open(offered_taste_ids=["t-none"])


async def test_a_kept_room_becomes_a_take(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open(keep=True, request_id="friday")
        assert room.request_id == "friday"
        async with Person(server.stub, room.room_id, room.owner_token) as owner:
            rate_hz = owner.all("started")[0].format.sample_rate_hz
            owner.send(part=slider(energy=0.5))
            await owner.read(lambda: owner.last_sample > 2 * rate_hz)
            owner.send(command=generate_pb2.PLAYBACK_COMMAND_STOP)
            await owner.read(lambda: owner.all("ended"))
        stub = generate_pb2_grpc.GenerateServiceStub(server.channel)
        take = (await unary_call(stub.GetTake(generate_pb2.GetTakeRequest(request_id="friday")))).take
        assert take.is_performed
        assert take.recipe_changes[-1].recipe.sliders.energy == pytest.approx(0.5)
        responses = stub.StreamTake(generate_pb2.StreamTakeRequest(request_id="friday"))
        kept = b"".join([one.chunk.data async for one in stream_call(responses) if one.HasField("chunk")])
        assert kept.endswith(b"".join(owner.samples().values())[-10_000:])


async def test_a_room_is_joined_through_another_replica(tiny: LoadedModel) -> None:
    store, port = MemoryStore(), free_port()
    async with (
        serve(tiny, store, room_addr=f"127.0.0.1:{port}", grpc_addr=f"127.0.0.1:{port}") as first,
        serve(tiny, store, room_addr="127.0.0.1:1") as second,
    ):
        room = await first.open()
        async with (
            Person(first.stub, room.room_id, room.owner_token) as owner,
            Person(second.stub, room.room_id, room.play_token, name="Far") as far,
        ):
            far.send(part=slider(energy=1.0))
            await far.read(lambda: far.all("recipe") and far.last_sample > 0)
            await owner.read(lambda: any(one.name == "Far" and one.push_share for one in owner.mix.members))
            assert (first.engine.running_count, second.engine.running_count) == (1, 0)
        with pytest.raises(PermissionDenied):
            await Person(second.stub, room.room_id, "a" * 26).__aenter__()


async def test_guests_without_a_key_play_and_have_no_tastes_but_the_offered_ones(tiny: LoadedModel) -> None:
    store = MemoryStore()
    await put_taste(store, tiny, "t-installation")
    text, _ = await ApiKeys(store).issue("Ada")
    async with serve(tiny, store, auth="on", service_key="s" * 32) as server, AsyncExitStack() as stack:
        with pytest.raises(Unauthenticated):
            await server.open()
        channel = open_channel(server.address, api_key=text)
        stack.push_async_callback(channel.close)
        with_key = rooms_pb2_grpc.RoomServiceStub(channel)
        opening = generate_pb2.PerformOpening()
        opening.recipe.prompts.add(text="calm piano")
        room = await unary_call(with_key.OpenRoom(rooms_pb2.OpenRoomRequest(opening=opening)))
        async with Person(server.stub, room.room_id, room.play_token) as guest:
            guest.send(part=slider(energy=1.0))
            await guest.read(lambda: guest.all("recipe"))
            assert not guest.all("recipe")[0].HasField("fault")
            part = rooms_pb2.RoomPart()
            part.tastes.add(taste_id="t-installation", strength=1.0)
            guest.send(part=part)
            await guest.read(lambda: len(guest.all("recipe")) == 2)
            assert guest.all("recipe")[1].fault.startswith("NO_SUCH_TASTE")


async def test_the_music_of_a_room_counts_once_against_the_owner_who_opened_it(tiny: LoadedModel) -> None:
    store = MemoryStore()
    text, key = await ApiKeys(store).issue("Ada")
    limits = {"auth": "on", "service_key": "s" * 32, "quota_music_s_day": 2.0}
    async with serve(tiny, store, **limits) as server, AsyncExitStack() as stack:
        channel = await stack.enter_async_context(open_channel(server.address, api_key=text))
        with_key = rooms_pb2_grpc.RoomServiceStub(channel)
        opening = generate_pb2.PerformOpening()
        opening.recipe.prompts.add(text="calm piano")
        room = await unary_call(with_key.OpenRoom(rooms_pb2.OpenRoomRequest(opening=opening)))
        guests = [
            await stack.enter_async_context(Person(server.stub, room.room_id, room.listen_token)) for _ in range(3)
        ]
        for guest in guests:
            await guest.read(lambda guest=guest: guest.all("ended"))
            assert guest.all("ended")[0].reason == "MUSIC_QUOTA"
        rate_hz = guests[0].all("started")[0].format.sample_rate_hz
        assert 2.0 <= guests[0].last_sample / rate_hz < 4.0  # the room ends with the chunk that reaches the quota
        with pytest.raises(Overloaded, match="quota of a day") as refusal:
            await unary_call(with_key.OpenRoom(rooms_pb2.OpenRoomRequest(opening=opening)))
        assert refusal.value.reason == "MUSIC_QUOTA"
    assert 2.0 <= (await read_usage(OwnedStore(store), key.owner)).music_s < 4.0


async def test_a_flood_of_controls_is_collected_into_few_mixes(tiny: LoadedModel) -> None:
    async with serve(tiny) as server:
        room = await server.open()
        async with Person(server.stub, room.room_id, room.owner_token) as owner:
            for number in range(1, 201):
                owner.send(part=slider(energy=number / 200))
            await owner.read(lambda: owner.member("owner").part.sliders.energy == pytest.approx(1.0))
            assert len(owner.all("mix")) < 20


async def test_the_command_line_opens_a_room_and_joins_it_by_its_link(tiny: LoadedModel, tmp_path: Path) -> None:
    async with serve(tiny) as server:
        arguments = [
            "room",
            "open",
            "calm piano",
            "--name",
            "Friday",
            "--slider",
            "energy=0.5",
            "--address",
            server.address,
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "resonance_cli", *arguments, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        links = dict(line.split() for line in printed.decode().splitlines())
        assert list(links) == ["owner", "play", "listen"]
        joining = parse_room_link(links["owner"])
        async with Person(server.stub, joining.room_id, joining.token) as owner:
            told: list[str] = []
            choice = Choice(form=format_named("wav"), is_raw=True)
            member = RoomMember(links["play"], "Ben", told.append, Delivery(Settings(c2pa=False)), choice)
            lines = ["taste t-none=1", "slider tempo=1", "prompt not mine", "nonsense"]
            async with AsyncClient(server.address) as client:
                await member.play(client, tmp_path / "room.wav", lines, duration_s=2.0)
            await owner.read(lambda: any(one.name == "Ben" and not one.is_present for one in owner.mix.members))
        with wave.open(str(tmp_path / "room.wav")) as file:
            assert file.getnframes() >= 2 * file.getframerate()
        assert any(line.startswith("refused: NO_SUCH_TASTE") for line in told)
        assert "Ben: sliders.tempo 0 to 1" in told  # what was refused is not sent again with the next line
        assert any(line.startswith("refused: NOT_THE_OWNER") for line in told)
        assert any("is none of" in line for line in told)
        with pytest.raises(InvalidInput):
            parse_room_link("http://127.0.0.1:8000/rooms/abc")


def test_a_reader_takes_skipped_samples_and_refuses_missing_ones() -> None:
    def chunk(at: int) -> rooms_pb2.JoinPerformanceResponse:
        return rooms_pb2.JoinPerformanceResponse(chunk=audio_pb2.AudioChunk(sample_offset=at, sample_count=10))

    reader = RoomReader()
    for response in (chunk(50), chunk(60)):
        reader.read(response)
    reader.read(rooms_pb2.JoinPerformanceResponse(skipped=rooms_pb2.RoomSkipped(sample_offset=200)))
    reader.read(chunk(200))
    with pytest.raises(DataLoss):
        reader.read(chunk(220))
