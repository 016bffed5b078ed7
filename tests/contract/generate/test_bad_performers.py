"""Faulty performance clients: typed refusals, isolation of streams, freed slots.

The clients connect over gRPC and the WebSocket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import grpc
import pytest
import pytest_asyncio
from google.protobuf import json_format
from websockets.asyncio.client import ClientConnection, connect

from resonance.client import AsyncClient
from resonance.client.requests import build_request
from resonance.rpc import Authenticator, RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, generate_pb2_grpc
from resonance_gateway.build import open_gateway
from resonance_generate.build import open_generate
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 0.25
QUICK_PING_S, QUICK_PONG_S_MAX = 1.0, 1.0
# Takes that a client does not read fill this buffer first. gRPC grows it to about 4 MiB by default: minutes of music.
SMALL_BUFFER = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
TRIES = 3  # on a busy machine the quickest of three is the system's own time


@dataclass(frozen=True)
class LiveSystem:
    """A generate service with two slots, and a gateway before it, in this process, on real sockets."""

    grpc: str
    http: str
    engine: Engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tiny: LoadedModel) -> AsyncIterator[LiveSystem]:
    async with AsyncExitStack() as stack:
        settings = Settings(slots=2, queue_places=0, lead_s_max=1.0, stream_stall_s_max=2)
        store = MemoryStore()
        parts = await stack.enter_async_context(open_generate(settings, store, tiny))
        server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0.5)
        http = await stack.enter_async_context(
            open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr=server.address))
        )
        yield LiveSystem(grpc=server.address, http=http, engine=parts.engine)


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(system: LiveSystem, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveSystem]:
    """The same behind another gateway, whose WebSockets must answer a ping within a second."""
    monkeypatch.setattr("resonance_gateway.build.PING_S", QUICK_PING_S)
    monkeypatch.setattr("resonance_gateway.build.PONG_S_MAX", QUICK_PONG_S_MAX)
    async with open_gateway(Settings(http_addr="127.0.0.1:0", grpc_addr=system.grpc)) as http:
        yield replace(system, http=http)


class Performer(Protocol):
    """Client of one performance over one of the two transports."""

    async def send(self, control: Any) -> None:
        """Sends a control in the transport's own form."""
        ...

    async def receive(self) -> tuple[str, str]:
        """The next event: its kind (`started`, `chunk`, `recipe`, `fault`, `finished`), and the text of a fault."""
        ...

    async def abort(self) -> None:
        """Disconnects without a closing handshake."""
        ...


class GrpcPerformer:
    """Client over gRPC."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._call: Any = client.generate.Perform()

    async def open(self) -> None:
        opening = {"opening": {"recipe": {"prompts": [{"text": "jazz"}]}, "seed": 1}}
        await self._call.write(json_format.ParseDict(opening, generate_pb2.PerformRequest()))

    async def send(self, control: Any) -> None:
        await self._call.write(json_format.ParseDict({"control": control}, generate_pb2.PerformRequest()))

    async def receive(self) -> tuple[str, str]:
        response = await asyncio.wait_for(self._call.read(), 10)
        assert response is not grpc.aio.EOF, await self._call.code()
        kind = response.WhichOneof("event")
        if kind == "recipe" and response.recipe.HasField("fault"):
            return "fault", response.recipe.fault
        return kind, ""

    async def abort(self) -> None:
        self._call.cancel()
        await self._client.close()


class SocketPerformer:
    """Client over the WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, control: Any) -> None:
        await self._socket.send(json.dumps(control))

    async def receive(self) -> tuple[str, str]:
        event = json.loads(await asyncio.wait_for(self._socket.recv(), 10))
        if event["type"] == "chunk":
            await self._socket.recv()
        if event["type"] == "fault":
            return "fault", json.dumps(event["problem"])
        if event["type"] == "recipe" and event["fault"]:
            return "fault", event["fault"]
        return event["type"], ""

    async def abort(self) -> None:
        self._socket.transport.abort()


Opener = Callable[[LiveSystem], Any]


async def through_grpc(system: LiveSystem) -> Performer:
    performer = GrpcPerformer(AsyncClient(system.grpc))
    await performer.open()
    return performer


async def through_the_socket(system: LiveSystem) -> Performer:
    socket = await connect(system.http.replace("http://", "ws://") + "/v1/performances", max_size=None)
    await socket.send(json.dumps({"prompt": "jazz", "seed": 1}))
    return SocketPerformer(socket)


TRANSPORTS = pytest.mark.parametrize(
    ("transport", "is_grpc"), [(through_grpc, True), (through_the_socket, False)], ids=["grpc", "websocket"]
)


def proto_recipe(**more: Any) -> dict[str, Any]:
    return {"recipe": {"prompts": [{"text": "rock"}], **more}}


def json_recipe(**more: Any) -> dict[str, Any]:
    return {"recipe": {"prompt": "rock", **more}}


NAN = float("nan")
# What is wrong -> the control over gRPC, over the WebSocket, and what the answer must say.
CASES: dict[str, tuple[Any, Any, str]] = {
    "an unknown taste": (
        proto_recipe(tastes=[{"tasteId": "t-unknown", "strength": 1}]),
        json_recipe(taste_id="t-unknown"),
        "NO_SUCH_TASTE",
    ),
    "a gain that is no number": (
        proto_recipe(concepts=[{"name": "energy", "strength": 1, "layerGains": {"0": "NaN"}}]),
        json_recipe(concepts=[{"name": "energy", "strength": 1.0, "layer_gains": {"0": NAN}}]),
        "finite",
    ),
    "a strength that is no number": (
        proto_recipe(concepts=[{"name": "energy", "strength": "NaN"}]),
        json_recipe(concepts=[{"name": "energy", "strength": NAN}]),
        "finite",
    ),
    "guidance without end": (proto_recipe(guidanceScale="Infinity"), json_recipe(guidance_scale=1e999), "finite"),
    "a layer that is not there": (
        proto_recipe(concepts=[{"name": "energy", "strength": 1, "layerGains": {"77": 1}}]),
        json_recipe(concepts=[{"name": "energy", "strength": 1.0, "layer_gains": {"77": 1.0}}]),
        "the model has layers 0 to 2",
    ),
    "prompts of which none counts": (
        {"recipe": {"prompts": [{"text": "rock", "weight": 0}]}},
        json_recipe(prompt_weight=0.0),
        "needs a weight above 0",
    ),
    "a recipe and a stop in one": (
        {**proto_recipe(), "command": "PLAYBACK_COMMAND_STOP"},
        {**json_recipe(), "command": "stop"},
        "CONFLICTING_CONTROLS",
    ),
    "a melody and none in one": (
        {"melody": {"wav": "UklGRg=="}, "withoutMelody": True},
        {"melody": "UklGRg==", "without_melody": True},
        "CONFLICTING_CONTROLS",
    ),
    "a melody for a model that follows none": (
        {"melody": {"wav": "UklGRg=="}},
        {"melody": "UklGRg=="},
        "NO_MELODY",
    ),
}


@TRANSPORTS
@pytest.mark.parametrize("case", CASES)
async def test_a_control_that_is_refused_is_answered_and_the_music_goes_on(
    system: LiveSystem, transport: Opener, is_grpc: bool, case: str
) -> None:
    over_grpc, over_socket, answer = CASES[case]
    performer = await transport(system)
    await until(performer, "chunk")
    await performer.send(over_grpc if is_grpc else over_socket)
    assert answer in await until(performer, "fault")
    await until(performer, "chunk")
    await performer.send(proto_recipe() if is_grpc else json_recipe())
    await until(performer, "recipe")
    await performer.abort()
    await slots_free(system)


@TRANSPORTS
async def test_a_recipe_and_a_pause_in_one_control_are_both_applied(
    system: LiveSystem, transport: Opener, is_grpc: bool
) -> None:
    """They do not contradict each other: the recipe is in force, and acts once the music goes on."""
    pause, play = ("PLAYBACK_COMMAND_PAUSE", "PLAYBACK_COMMAND_PLAY") if is_grpc else ("pause", "play")
    performer = await transport(system)
    await until(performer, "chunk")
    await performer.send({**(proto_recipe() if is_grpc else json_recipe()), "command": pause})
    await until(performer, "recipe")
    (running,) = system.engine.running
    for _ in range(200):
        if running.paused_since_s is not None:
            break
        await asyncio.sleep(0.01)
    assert running.paused_since_s is not None
    await performer.send({"command": play})
    await until(performer, "chunk")
    await performer.abort()
    await slots_free(system)


@TRANSPORTS
async def test_controls_after_a_stop_are_refused_and_the_end_comes_whole(
    system: LiveSystem, transport: Opener, is_grpc: bool
) -> None:
    stop, play = ("PLAYBACK_COMMAND_STOP", "PLAYBACK_COMMAND_PLAY") if is_grpc else ("stop", "play")
    performer = await transport(system)
    await until(performer, "chunk")
    await performer.send({"command": stop})
    try:
        await performer.send({"command": play})
    except Exception as gone:  # the end was quicker
        assert "Closed" in type(gone).__name__ or isinstance(gone, asyncio.InvalidStateError), gone
    kinds = []
    while "finished" not in kinds:
        kind, text = await performer.receive()
        kinds.append(kind)
        assert kind in {"chunk", "fault", "finished"}
        assert kind != "fault" or "STOPPED" in text
    assert await slots_free(system) < 2
    await performer.abort()


@TRANSPORTS
async def test_a_client_that_sends_too_many_controls_is_refused_and_no_other_take_changes(
    system: LiveSystem, transport: Opener, is_grpc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 commands at once; a take beside them has the same bytes as alone.

    Few commands may wait here: an idle engine keeps up with 300 now and then, and the refusal would never come.
    """
    monkeypatch.setattr("resonance_generate.engine.command.COMMANDS_WAITING_MAX", 4)
    async with AsyncClient(system.grpc) as client:
        alone = await client.make("rock", duration_s=2.0, seed=7)
        performer = await transport(system)
        await until(performer, "chunk")
        beside = asyncio.create_task(client.make("rock", duration_s=2.0, seed=7))
        pause, play = ("PLAYBACK_COMMAND_PAUSE", "PLAYBACK_COMMAND_PLAY") if is_grpc else ("pause", "play")
        commands = [{"command": play if index % 2 else pause} for index in range(300)]
        flood = asyncio.create_task(_send_all(performer, [*commands, {"command": play}]))
        # Not a fixed number of answers: where the last `play` is refused the music stays paused, and no more come.
        kind = text = ""
        while kind != "fault" or "TOO_MANY_CONTROLS" not in text:
            kind, text = await performer.receive()
        await flood
        assert (await beside).pcm == alone.pcm
        await performer.abort()
    await slots_free(system)


async def _send_all(performer: Performer, controls: list[Any]) -> None:
    for control in controls:
        await performer.send(control)


@TRANSPORTS
async def test_a_client_that_disconnects_frees_its_slot_within_a_quarter_of_a_second(
    system: LiveSystem, transport: Opener, is_grpc: bool
) -> None:
    times_s = []
    for _ in range(TRIES):
        performer = await transport(system)
        await until(performer, "chunk")
        assert system.engine.running_count == 1
        await performer.abort()
        times_s.append(await slots_free(system))
    assert min(times_s) <= WITHIN_S, times_s


async def test_a_client_that_never_reads_loses_its_slot_and_no_other_take_changes(system: LiveSystem) -> None:
    """A take, which is made as fast as possible and so fills the client's receive buffer soonest."""
    async with AsyncClient(system.grpc) as client, grpc.aio.insecure_channel(system.grpc, SMALL_BUFFER) as channel:
        alone = await client.make("rock", duration_s=2.0, seed=8)
        call: Any = generate_pb2_grpc.GenerateServiceStub(channel).Generate(build_request("jazz", duration_s=300.0))
        await call.read()
        assert (await client.make("rock", duration_s=2.0, seed=8)).pcm == alone.pcm
        await slots_free(system, patience_s=60)
        assert (await client.make("rock", duration_s=2.0, seed=8)).pcm == alone.pcm
        with suppress(grpc.aio.AioRpcError):
            while await call.read() is not grpc.aio.EOF:
                pass
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "nothing was read" in await call.details()


async def test_a_socket_that_is_never_read_loses_its_slot_in_the_stated_time(impatient: LiveSystem) -> None:
    """It answers no ping, however much its buffers could still take. No other take changes."""
    async with AsyncClient(impatient.grpc) as client:
        alone = await client.make("rock", duration_s=2.0, seed=9)
        quiet = socket.socket()
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = impatient.http.removeprefix("http://").rpartition(":")
        quiet.connect((host, int(port)))
        url = f"ws://{host}:{port}/v1/performances"
        async with connect(url, sock=quiet, max_queue=1, ping_interval=None, close_timeout=0.1) as asleep:
            await asleep.send(json.dumps({"prompt": "jazz"}))
            while not impatient.engine.running_count:
                await asyncio.sleep(0.01)
            (unread,), opened_s = impatient.engine.running, time.monotonic()
            beside = asyncio.create_task(client.make("rock", duration_s=2.0, seed=9))
            while unread in impatient.engine.running:
                assert time.monotonic() - opened_s < QUICK_PING_S + QUICK_PONG_S_MAX + 5, "the slot is still taken"
                await asyncio.sleep(0.005)
            assert time.monotonic() - opened_s > QUICK_PONG_S_MAX / 2, "something else ended it"
            assert (await beside).pcm == alone.pcm
            assert (await client.make("rock", duration_s=2.0, seed=9)).pcm == alone.pcm
            asleep.transport.abort()


async def until(performer: Performer, kind: str) -> str:
    """Receives until an event of the kind; returns its text."""
    for _ in range(200):
        received, text = await performer.receive()
        if received == kind:
            return text
    raise AssertionError(f"no {kind} came")


async def slots_free(system: LiveSystem, patience_s: float = 5.0) -> float:
    """Seconds until every slot is free."""
    started_s = time.monotonic()
    while system.engine.running_count:
        assert time.monotonic() - started_s < patience_s, "the slot is still taken"
        await asyncio.sleep(0.005)
    return time.monotonic() - started_s
