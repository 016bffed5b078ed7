"""Music in OpenAI's shape: the fields, streams and errors of `/v1/audio/speech`, for music."""

from __future__ import annotations

import base64
from contextlib import aclosing
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from resonance.audio.delivery.delivery import Choice
from resonance.audio.delivery.formats import PCM, FileFormat, format_named
from resonance.errors import NotFound, Unavailable, invalid_field
from resonance.v1 import generate_pb2, steering_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.openai_errors import to_openai_error
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.http.request_log import BodyCutError
from resonance_gateway.http.requests import read_json, resolve_request_id
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import BINARY, MEDIA_TYPES, get_delivery
from resonance_gateway.routes.take_response import HEADERS, stream_file, take_headers, take_response
from resonance_gateway.routes.whole_take import send_whole
from resonance_gateway.schema.limits_from_protos import length_max, rule
from resonance_gateway.schema.operations import operation
from resonance_gateway.services.services import Services
from resonance_gateway.services.take_stream import TakeStream
from resonance_gateway.services.takes import generate_take

OWN_NAME = "resonance"
_PROMPT_MAX = length_max("WeightedPrompt.text")
_DELTA, _DONE = "music.audio.delta", "music.audio.done"
_PCM_HEADERS = {"X-Sample-Rate": str(PCM.rates_hz[0]), "X-Sample-Format": "s16le"}


class OpenAiMusicBody(Body):
    """A take to make, in the fields of OpenAI's speech route."""

    input: Annotated[str, rule("WeightedPrompt.text", description="What you want to hear.")]
    model: Annotated[str, Field(description="`resonance`, or the name of the loaded model.")] = OWN_NAME
    instructions: Annotated[
        str, Field(description="More about how it shall sound; `input` and this are one prompt.")
    ] = ""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    stream: Annotated[
        bool, Field(description="False sends the whole file at its end, levelled by its own loudness.")
    ] = True
    stream_format: Annotated[
        Literal["audio", "sse"], Field(description="The bytes themselves, or events with base64.")
    ] = "audio"
    seed: Annotated[int, rule("GenerateRequest.seed")] | None = None
    duration_s: Annotated[float, rule("GenerateRequest.duration_s")] = 10.0


class OpenAiMusicEndpoint(HTTPEndpoint):
    """`/v1/audio/music`."""

    @operation(
        summary="Make a take through the fields of OpenAI's speech route",
        tag="openai",
        body=OpenAiMusicBody,
        responses={
            200: (
                "The music while it is made, as bytes or as events `music.audio.delta` and `music.audio.done`; with "
                "`stream` false the whole file. `aac` is AAC in MP4; `pcm` is 16-bit little-endian at 24 kHz.",
                f"{MEDIA_TYPES}, {PCM.media_type}, text/event-stream",
                BINARY,
            ),
        },
        headers=HEADERS,
        faults=(400, 404, 409, 413, 415, 429, 501, 503, 504),
        has_openai_errors=True,
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, OpenAiMusicBody)
        if body.stream_format == "sse" and not body.stream:
            raise invalid_field("stream_format", "CONFLICT", "sse is a stream; leave `stream` out")
        generate = to_generate_request(body, resolve_request_id(request, None))
        services = get_services(request)
        await _check_model(services, body.model)
        choice = Choice(form=_form(body))
        take = await cancel_on_disconnect(request, generate_take(services, generate))
        if not body.stream:
            return await send_whole(request, take, choice, headers=_format_headers(choice.form))
        if body.stream_format == "sse":
            response: Response = EventStreamResponse(_events(request, take, choice))
            response.headers.update(take_headers(take.opening) | _format_headers(choice.form))
            return response
        response = take_response(take, get_delivery(request), choice)
        response.headers.update(_format_headers(choice.form))
        return response


def to_generate_request(body: OpenAiMusicBody, request_id: str) -> generate_pb2.GenerateRequest:
    """The gRPC request of a take. Raises InvalidInput where input and instructions together are too long for a prompt."""
    prompt = ", ".join(filter(None, (body.input, body.instructions.strip())))
    if len(prompt) > _PROMPT_MAX:
        raise invalid_field(
            "instructions", "TOO_LONG", f"must have, together with `input`, at most {_PROMPT_MAX} characters"
        )
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=prompt, weight=1.0)])
    return generate_pb2.GenerateRequest(
        request_id=request_id, recipe=recipe, duration_s=body.duration_s, seed=body.seed
    )


async def _check_model(services: Services, name: str) -> None:
    if name == OWN_NAME:
        return
    loaded = (await services.generate.ask("GetModel", generate_pb2.GetModelRequest())).model.model_id
    if name != loaded:
        message = f"there is no model {name[:100]!r} here; this server runs {loaded}, which is also called {OWN_NAME}"
        raise NotFound(message, reason="MODEL_NOT_FOUND")


def _form(body: OpenAiMusicBody) -> FileFormat:
    return PCM if body.response_format == PCM.name else format_named(body.response_format)


def _format_headers(form: FileFormat) -> dict[str, str]:
    return _PCM_HEADERS if form is PCM else {}


async def _events(request: Request, take: TakeStream, choice: Choice) -> Events:
    """The bytes of the file as events; a failure after the headers is an event `error` in OpenAI's shape."""
    async with aclosing(stream_file(take, get_delivery(request), choice)) as blocks:
        try:
            async for block in blocks:
                if block:
                    yield json_event(_DELTA, {"type": _DELTA, "audio": base64.b64encode(block).decode()})
        except BodyCutError as cut:
            lost = Unavailable(f"{cut}; send the request again", reason="STREAM_CUT")
            yield json_event("error", to_openai_error(problem_fields(lost)))
            return
    yield json_event(_DONE, {"type": _DONE, "usage": _usage(take)})


def _usage(take: TakeStream) -> dict[str, Any]:
    return {"duration_s": take.opening.duration_s, "seed": take.opening.seed}
