"""Performances: live music over a WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from starlette.websockets import WebSocket, WebSocketDisconnect

from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError
from resonance.ids import new_request_id
from resonance.v1 import generate_pb2
from resonance_gateway.http.bodies import Body, MalformedError, Model, parse
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.routes.app_state import get_services, get_settings
from resonance_gateway.routes.delivery import Raw, get_delivery
from resonance_gateway.routes.recipes import MELODY_TEXT_MAX, RECIPE_FIELDS, Melody, RecipeBody, to_recipe
from resonance_gateway.schema.fields import RequestId
from resonance_gateway.schema.limits_from_protos import rule
from resonance_gateway.schema.proto_json import fill_message
from resonance_gateway.services.live_performance import LivePerformance

OPENING_S_MAX = 30.0
# RFC 6455, section 7.4.1, and the registry of close codes.
DONE, _POLICY, _FAILURE, _LATER = 1000, 1008, 1011, 1013


class PerformanceBody(RecipeBody):
    """The first message of a performance: its first recipe, id, seed, chunk length, and whether it becomes a take."""

    seed: Annotated[int, rule("PerformOpening.seed")] | None = None
    chunk_s: Annotated[float, rule("PerformOpening.chunk_s")] | None = None
    backend: Annotated[
        str, rule("PerformOpening.backend", description="What plays; /v1/models lists the backends.")
    ] = ""
    request_id: RequestId | None = None
    keep: bool = False
    melody: Melody | None = None
    raw: Raw = False


class ControlBody(Body):
    """A later message of a performance: another recipe, another melody or none, a playback command."""

    recipe: RecipeBody | None = None
    command: Literal["play", "pause", "stop", "reset"] | None = None
    melody: Melody | None = None
    without_melody: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> ControlBody:
        if self.recipe is None and self.command is None and self.melody is None and not self.without_melody:
            raise PydanticCustomError("required", "a control carries `recipe`, `melody`, `without_melody` or `command`")
        return self


async def performances(websocket: WebSocket) -> None:
    """`/v1/performances`.

    The client sends a PerformanceBody first and ControlBody messages later. The server sends the events of `Perform`,
    each a JSON object with its `type`: `started`, `chunk` (the next message is binary: its samples, 16-bit little-
    endian PCM, levelled and watermarked unless the first message says `raw`), `recipe`, `fault` for a malformed
    control, and last `finished` or `problem`. Faults and problems carry a `problem` document. The close code is 1000
    when finished, 1008 for the client's faults, 1013 for "try later", 1011 for the server's errors.
    """
    await websocket.accept()
    try:
        with suppress(WebSocketDisconnect):
            await _perform(websocket)
            await websocket.close(DONE)
    except ResonanceError as error:
        with suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_json({"type": "problem", "problem": to_problem(error)})
            await websocket.close(close_code(error))


def to_opening_request(
    body: PerformanceBody, request_id: str, *, without: frozenset[str] = frozenset()
) -> generate_pb2.PerformRequest:
    """The first message of `Perform`; fields `without` are not its own."""
    opening = generate_pb2.PerformOpening(recipe=to_recipe(body))
    if body.melody is not None:
        opening.melody.wav = body.melody
    values = body.model_dump(exclude={"melody", "raw", *RECIPE_FIELDS, *without}, exclude_none=True)
    return generate_pb2.PerformRequest(opening=fill_message(opening, values | {"request_id": request_id}))


def to_control_request(body: ControlBody) -> generate_pb2.PerformRequest:
    """A later message of `Perform`."""
    control = generate_pb2.PerformControl()
    if body.recipe is not None:
        control.recipe.CopyFrom(to_recipe(body.recipe))
    if body.melody is not None:
        control.melody.wav = body.melody
    values = body.model_dump(exclude={"melody", "recipe"}, exclude_none=True)
    return generate_pb2.PerformRequest(control=fill_message(control, values))


async def _perform(websocket: WebSocket) -> None:
    opening = await read_first_message(websocket, PerformanceBody)
    request = to_opening_request(opening, opening.request_id or new_request_id())
    live = get_services(websocket).perform(request, None if opening.raw else get_delivery(websocket))
    tasks = [asyncio.create_task(_send_events(websocket, live)), asyncio.create_task(_pass_controls(websocket, live))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        live.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_first_message(websocket: WebSocket, model: type[Model]) -> Model:
    """The first message of a socket as a checked body. Raises DeadlineExceeded where none comes, InvalidInput for a malformed one."""
    try:
        async with asyncio.timeout(OPENING_S_MAX):
            text = await read_text(websocket)
    except TimeoutError:
        raise DeadlineExceeded(f"no opening came within {OPENING_S_MAX:.0f} s", reason="NO_OPENING") from None
    try:
        return parse(model, text)
    except MalformedError as fault:
        raise InvalidInput(str(fault), reason="MALFORMED_REQUEST") from None


async def _send_events(websocket: WebSocket, live: LivePerformance) -> None:
    """Passes the events on. A client that reads nothing blocks this task, and generate then closes the performance."""
    async with aclosing(live.events()) as events:
        async for event, pcm in events:
            await websocket.send_json(event)
            if pcm is not None:
                await websocket.send_bytes(pcm)


async def _pass_controls(websocket: WebSocket, live: LivePerformance) -> None:
    """Passes controls on until the socket closes. A malformed one is answered with a fault, and the music goes on."""
    bytes_max = get_settings(websocket).json_bytes_max
    while True:
        try:
            text = await read_text(websocket)
            control = parse(ControlBody, text) if len(text) <= bytes_max + MELODY_TEXT_MAX else None
            if control is None or (control.melody is None and len(text) > bytes_max):
                raise InvalidInput(f"a control may have at most {bytes_max} bytes beside a melody", reason="TOO_LARGE")
            await live.control(to_control_request(control))
        except MalformedError as fault:
            problem = to_problem(InvalidInput(str(fault), reason="MALFORMED_REQUEST"))
            await websocket.send_json({"type": "fault", "problem": problem})
        except InvalidInput as fault:
            await websocket.send_json({"type": "fault", "problem": to_problem(fault)})


async def read_text(websocket: WebSocket) -> bytes:
    """The next text message. Raises WebSocketDisconnect at the end, InvalidInput for a binary message."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    text = message.get("text")
    if text is None:
        raise InvalidInput("controls are JSON in text messages", reason="MALFORMED_REQUEST")
    return str(text).encode()


def to_problem(error: ResonanceError) -> dict[str, Any]:
    """The problem document of an error, with the time after which to try again."""
    fields = problem_fields(error)
    return fields if error.retry_after_s is None else {**fields, "retry_after_s": error.retry_after_s}


def close_code(error: ResonanceError) -> int:
    """The close code of a socket that ends with an error."""
    status = problem_fields(error)["status"]
    if status in {429, 503}:
        return _LATER
    return _POLICY if status < 500 else _FAILURE
