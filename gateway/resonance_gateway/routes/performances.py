"""`Perform` as a WebSocket: JSON messages in, JSON events and raw samples out, while the music plays."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError
from resonance.ids import new_request_id
from resonance_gateway.bodies import MELODY_TEXT_MAX, ControlBody, MalformedError, PerformanceBody, parse
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.services.live_performance import LivePerformance
from resonance_gateway.services.services import Services

OPENING_S_MAX = 30.0
# RFC 6455, section 7.4.1, and the registry of close codes.
_DONE, _POLICY, _FAILURE, _LATER = 1000, 1008, 1011, 1013


async def performances(websocket: WebSocket) -> None:
    """`/v1/performances`.

    The first message in is a PerformanceBody, every later one a ControlBody. Out come the events of `Perform`, each a JSON object with its
    `type`: `started`, `chunk` (the next message is its samples: binary, 16-bit little-endian PCM), `recipe`, `fault` for a control that
    could not be read, and at the end `finished` or `problem`; faults and problems carry a `problem` document. Then the socket is
    closed: 1000 when finished, 1008 for the caller's faults, 1013 when another time is better, 1011 for ours.
    """
    await websocket.accept()
    backends: Services = websocket.app.state.backends
    try:
        with suppress(WebSocketDisconnect):
            await _perform(websocket, backends)
            await websocket.close(_DONE)
    except ResonanceError as error:
        with suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_json({"type": "problem", "problem": _problem_of(error)})
            await websocket.close(_close_code(error))


async def _perform(websocket: WebSocket, backends: Services) -> None:
    opening = await _opening_of(websocket)
    live = backends.perform(opening, opening.request_id or new_request_id())
    tasks = [asyncio.create_task(_tell(websocket, live)), asyncio.create_task(_obey(websocket, live))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        live.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _opening_of(websocket: WebSocket) -> PerformanceBody:
    try:
        async with asyncio.timeout(OPENING_S_MAX):
            text = await _text_of(websocket)
    except TimeoutError:
        raise DeadlineExceeded(f"no opening came within {OPENING_S_MAX:.0f} s", reason="NO_OPENING") from None
    try:
        return parse(PerformanceBody, text)
    except MalformedError as fault:
        raise InvalidInput(str(fault), reason="MALFORMED_REQUEST") from None


async def _tell(websocket: WebSocket, live: LivePerformance) -> None:
    """Passes the events on. A socket that takes nothing holds this up, and the service then drops the listener in its own time."""
    async with aclosing(live.events()) as events:
        async for event, pcm in events:
            await websocket.send_json(event)
            if pcm is not None:
                await websocket.send_bytes(pcm)


async def _obey(websocket: WebSocket, live: LivePerformance) -> None:
    """Passes controls on until the socket is closed; one that cannot be read is answered, and the music goes on."""
    bytes_max = websocket.app.state.settings.json_bytes_max
    while True:
        try:
            text = await _text_of(websocket)
            control = parse(ControlBody, text) if len(text) <= bytes_max + MELODY_TEXT_MAX else None
            if control is None or (control.melody is None and len(text) > bytes_max):
                raise InvalidInput(f"a control may have at most {bytes_max} bytes beside a tune", reason="TOO_LARGE")
            await live.control(control)
        except MalformedError as fault:
            problem = _problem_of(InvalidInput(str(fault), reason="MALFORMED_REQUEST"))
            await websocket.send_json({"type": "fault", "problem": problem})
        except InvalidInput as fault:
            await websocket.send_json({"type": "fault", "problem": _problem_of(fault)})


async def _text_of(websocket: WebSocket) -> bytes:
    """The next message. Raises WebSocketDisconnect at the end, InvalidInput for a binary one."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    text = message.get("text")
    if text is None:
        raise InvalidInput("controls are JSON in text messages", reason="MALFORMED_REQUEST")
    return str(text).encode()


def _problem_of(error: ResonanceError) -> dict[str, Any]:
    fields = problem_fields(error)
    return fields if error.retry_after_s is None else {**fields, "retry_after_s": error.retry_after_s}


def _close_code(error: ResonanceError) -> int:
    status = problem_fields(error)["status"]
    if status in {429, 503}:
        return _LATER
    return _POLICY if status < 500 else _FAILURE
