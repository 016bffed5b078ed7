"""Rooms over REST and WebSocket before a real generate service: the same bytes for all, moves, tokens, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from support.directions import put_concept, put_taste
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from resonance.audio.delivery import watermark_detection
from resonance.rpc import Authenticator, RpcServer
from resonance.settings import Settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import MemoryStore
from resonance_gateway.build import open_gateway
from resonance_generate.build import open_generate
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Site:
    """A gateway before a real generate service with the tiny model."""

    url: str
    engine: Engine

    async def open(self, **body: Any) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{self.url}/v1/rooms", json={"prompt": "calm piano", **body})
        assert response.status_code == 201, response.text
        return dict(response.json())

    def socket(self, room_id: str) -> Any:
        return connect(f"{self.url.replace('http', 'ws')}/v1/rooms/{room_id}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tiny: LoadedModel) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        store, settings = MemoryStore(), Settings(slots=2, queue_places=0)
        for name in SLIDER_NAMES:
            await put_concept(store, tiny, name)
        await put_taste(store, tiny, "t-mine")
        parts = await stack.enter_async_context(open_generate(settings, store, tiny))
        server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0.5)
        url = await stack.enter_async_context(open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr=server.address)))
        yield Site(url=url, engine=parts.engine)


class Person:
    """A socket in a room, and all that came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.heard: dict[int, bytes] = {}

    async def read(self, until: Any, s_max: float = 20.0) -> Person:
        async with asyncio.timeout(s_max):
            while not until():
                event = json.loads(await self.socket.recv())
                self.events.append(event)
                if event["type"] == "chunk":
                    data = await self.socket.recv()
                    assert isinstance(data, bytes)
                    self.heard[event["sample_offset"]] = data
        return self

    async def send(self, **control: Any) -> None:
        await self.socket.send(json.dumps(control))

    def pushes(self) -> bool:
        return any(one["push_share"] for mix in self.all("mix")[-1:] for one in mix["members"])

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


async def join(stack: AsyncExitStack, site: Site, room: dict[str, Any], token: str, **joining: Any) -> Person:
    person = Person(await stack.enter_async_context(site.socket(room["room_id"])))
    await person.send(token=room[token], **joining)
    return await person.read(lambda: person.all("joined"))


async def test_all_who_hear_a_room_get_the_same_levelled_bytes_and_see_who_moved_what(site: Site) -> None:
    room = await site.open(name="Friday", offered_taste_ids=["t-mine"], sliders={"tempo": 0.5})
    async with AsyncExitStack() as stack:
        owner = await join(stack, site, room, "owner_token", name="Ada")
        ben = await join(stack, site, room, "play_token", name="Ben", hue=200)
        listener = await join(stack, site, room, "listen_token")
        joined = ben.all("joined")[0]
        assert (joined["name"], joined["role"]) == ("Friday", "player")
        assert [one["taste_id"] for one in joined["offered_tastes"]] == ["t-mine"]
        await ben.send(part={"tastes": [{"taste_id": "t-mine", "strength": 0.5}], "sliders": {"energy": 1.0}})
        await ben.read(lambda: ben.all("recipe"))
        assert ben.all("recipe")[0]["fault"] is None
        await asyncio.gather(*(one.read(lambda one=one: len(one.heard) > 20) for one in (owner, ben, listener)))
        assert site.engine.running_count == 1
        for one in (ben, listener):
            common = owner.heard.keys() & one.heard.keys()
            assert len(common) > 5
            assert all(owner.heard[at] == one.heard[at] for at in common)
        moves = [move for mix in listener.all("mix") for move in mix["moves"] if move["control"] == "sliders.energy"]
        assert [(move["before"], move["after"]) for move in moves] == [(0.0, 1.0)]
        mix = listener.all("mix")[-1]
        assert [member["name"] for member in mix["members"]] == ["Ada", "Ben"]
        assert mix["listener_count"] == 1
        assert sum(member["push_share"] for member in mix["members"]) == pytest.approx(1.0)
        await owner.send(command="stop")
        for one in (owner, ben, listener):
            await one.read(lambda one=one: one.all("ended"))
            with pytest.raises(ConnectionClosed) as closed:
                await one.read(lambda: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000


async def test_refusals_over_the_socket_have_a_reason_and_a_close_code(site: Site) -> None:
    room = await site.open()
    async with AsyncExitStack() as stack:
        for room_id, token, reason in (
            (room["room_id"], "a" * 26, "WRONG_ROOM_TOKEN"),
            ("a" * 26, room["play_token"], "NO_SUCH_ROOM"),
        ):
            person = Person(await stack.enter_async_context(site.socket(room_id)))
            await person.send(token=token)
            await person.read(lambda person=person: person.all("problem"))
            assert person.all("problem")[0]["problem"]["reason"] == reason
            with pytest.raises(ConnectionClosed) as closed:
                await person.socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        owner = await join(stack, site, room, "owner_token")
        await owner.socket.send("{")
        await owner.send(part={"sliders": {"energy": 7}})
        await owner.read(lambda: len(owner.all("fault")) == 2)
        assert "energy" in owner.all("fault")[1]["problem"]["detail"]
        listener = await join(stack, site, room, "listen_token")
        await listener.send(part={})
        await listener.read(lambda: listener.all("recipe"))
        assert listener.all("recipe")[0]["fault"].startswith("LISTENERS_CANNOT_PLAY")
        await owner.send(command="stop")


async def test_a_socket_that_leaves_takes_its_part_along_and_hurts_nobody(site: Site) -> None:
    room = await site.open()
    async with AsyncExitStack() as stack:
        owner = await join(stack, site, room, "owner_token")
        async with AsyncExitStack() as short:
            ben = await join(short, site, room, "play_token", part={"sliders": {"energy": 1.0}})
            await owner.read(lambda: owner.pushes())
            assert ben.heard is not None
        await owner.read(lambda: not owner.pushes())
        count = len(owner.heard)
        await owner.read(lambda: len(owner.heard) > count + 5)
        offsets = sorted(owner.heard)
        assert all(at + len(owner.heard[at]) // 2 == following for at, following in pairwise(offsets))
        await owner.send(command="stop")


async def test_the_sound_of_a_room_carries_the_watermark(site: Site) -> None:
    room = await site.open()
    async with AsyncExitStack() as stack:
        listener = await join(stack, site, room, "listen_token")
        rate_hz = listener.all("started")[0]["format"]["sample_rate_hz"]
        await listener.read(lambda: sum(map(len, listener.heard.values())) > 2 * 12 * rate_hz, 60)
    pcm = b"".join(listener.heard[at] for at in sorted(listener.heard))
    samples = np.frombuffer(pcm, "<i2")[:: rate_hz // watermark_detection.RATE_HZ] / 32767
    assert watermark_detection.detect(samples).is_marked
