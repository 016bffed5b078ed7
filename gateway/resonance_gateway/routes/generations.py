"""Generations: a checked body in, a streamed file out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from resonance.audio.delivery.formats import WAV
from resonance.errors import invalid_field
from resonance.v1 import generate_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.requests import accepts_events, prefers_async, read_json, read_query, resolve_request_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import (
    BINARY,
    DELIVERY_FIELDS,
    MEDIA_TYPES,
    Format,
    FormatQuery,
    Level,
    Raw,
    get_delivery,
    read_choice,
)
from resonance_gateway.routes.generation_states import STATE_SCHEMA, accept, send_events
from resonance_gateway.routes.recipe_changes import RecipeChangeBody, TastePathBody, add_changes, add_path
from resonance_gateway.routes.recipes import RECIPE_FIELDS, Melody, OriginSoundData, RecipeBody, to_recipe
from resonance_gateway.routes.take_response import HEADERS, RAW_TYPE, take_response
from resonance_gateway.routes.variations import VARIATIONS_SCHEMA, send_variations
from resonance_gateway.routes.whole_take import send_whole
from resonance_gateway.schema.fields import RequestId
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, operation
from resonance_gateway.schema.proto_json import fill_message
from resonance_gateway.services.takes import check_offset, generate_take


class OriginBody(Body):
    """A finished take to continue, or to replace a section of."""

    request_id: Annotated[str, rule("Origin.request_id")]
    start_s: (
        Annotated[float, rule("Origin.start_s", description="Where new music begins; the take's end if absent.")] | None
    ) = None
    end_s: Annotated[float, rule("Origin.end_s", description="Where the old take goes on again.")] | None = None


class OriginSoundBody(Body):
    """A sound file to go on from: its bytes, or a complete upload of `/v1/uploads`."""

    data: OriginSoundData | None = None
    upload_id: Annotated[str, rule("OriginSound.upload_id")] | None = None
    filename: Annotated[str, rule("OriginSound.filename", description="Its ending helps to tell the format.")] = ""


class GenerationBody(RecipeBody):
    """A take to make."""

    duration_s: Annotated[float, rule("GenerateRequest.duration_s")] = 10.0
    seed: Annotated[int, rule("GenerateRequest.seed")] | None = None
    chunk_s: Annotated[float, rule("GenerateRequest.chunk_s")] | None = None
    request_id: RequestId | None = None
    resume_sample_offset: Annotated[int, rule("GenerateRequest.resume_sample_offset", le=2**62)] = 0
    is_transient: bool = False
    loop: Annotated[
        bool, Field(description="Makes a seamless loop of whole bars near duration_s; it is sent whole, at its end.")
    ] = False
    recipe_changes: Annotated[
        list[RecipeChangeBody],
        items("GenerateRequest.recipe_changes", description="Sliders, tastes or words that change during the take."),
    ] = []
    taste_path: TastePathBody | None = None
    backend: Annotated[
        str, rule("GenerateRequest.backend", description="What makes it; /v1/models lists the backends.")
    ] = ""
    origin: OriginBody | None = None
    origin_sound: OriginSoundBody | None = None
    melody: Melody | None = None
    n: Annotated[
        int, rule("GenerateVariationsRequest.count", description="Takes of this request that are made side by side.")
    ] = 1
    format: Format | None = None
    raw: Raw = False
    level: Level = True


class GenerationsEndpoint(HTTPEndpoint):
    """`/v1/generations`."""

    @operation(
        summary="Make a take and hear it while it is made; Prefer: respond-async does not wait, Accept: text/event-stream tells of it",
        tag="generations",
        body=GenerationBody,
        query=FormatQuery,
        responses={
            200: (
                "The take as a file, levelled and marked while it is made; a WAV file of exact length unless another "
                "format is asked for. With resume_sample_offset the samples that are left "
                "(application/octet-stream, s16le). A body that ends short of Content-Length was cut.",
                f"{MEDIA_TYPES}, {RAW_TYPE}",
                BINARY,
            ),
            202: json_response(
                "With Prefer: respond-async: the take's state, to follow under Location; with `n` the states of all takes",
                {"anyOf": [STATE_SCHEMA, VARIATIONS_SCHEMA]},
            ),
        },
        headers=HEADERS,
        also_json=VARIATIONS_SCHEMA,
        faults=(400, 404, 406, 409, 413, 415, 422, 429, 501, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, GenerationBody)
        query = read_query(request, FormatQuery)
        generate = to_generate_request(body, resolve_request_id(request, body.request_id))
        if body.taste_path is not None:
            answer = await get_services(request).generate.ask("GetModel", generate_pb2.GetModelRequest())
            add_path(generate, body.taste_path, answer.model)
        if body.n > 1:
            _check_fetched_later(body)
            return await send_variations(request, generate, body.n)
        if prefers_async(request) or accepts_events(request):
            _check_fetched_later(body)
            return await (accept if prefers_async(request) else send_events)(request, generate)
        choice = read_choice(request, name=body.format or query.format, raw=body.raw, level=body.level)
        if body.resume_sample_offset and choice.form is not WAV:
            raise invalid_field("format", "NOT_RESUMABLE", "only the samples of wav can be resumed")
        if body.loop and body.resume_sample_offset:
            message = "must be 0 for a loop, which is sent whole: fetch /v1/takes/ID/audio with a Range"
            raise invalid_field("resume_sample_offset", "CONFLICT", message)
        if not choice.is_raw:
            generate.resume_sample_offset = 0
        opening = generate_take(get_services(request), generate)
        take = await cancel_on_disconnect(request, opening)
        if body.loop:
            return await send_whole(request, take, choice)
        if body.resume_sample_offset > take.opening.sample_count_total:
            await take.close()
            check_offset(body.resume_sample_offset, take.opening.sample_count_total)
        return take_response(
            take, get_delivery(request), choice, resume_sample_offset=0 if choice.is_raw else body.resume_sample_offset
        )


def _check_fetched_later(body: GenerationBody) -> None:
    """Raises InvalidInput for a choice of the sound where the answer has none: that is made where the sound is fetched."""
    if body.is_transient:
        raise invalid_field("is_transient", "CONFLICT", "must be false where the sound is fetched later")
    if body.n > 1 and (body.format is not None or body.raw or not body.level):
        raise invalid_field("format", "CONFLICT", "choose it, raw and level in the query of each audio_url")


def to_generate_request(body: GenerationBody, request_id: str) -> generate_pb2.GenerateRequest:
    """The gRPC request of a take, without the changes of a taste path, which need the model's tempo."""
    request = generate_pb2.GenerateRequest(recipe=to_recipe(body))
    values = body.model_dump(
        exclude={"melody", "origin_sound", "recipe_changes", "taste_path", "n", *DELIVERY_FIELDS, *RECIPE_FIELDS},
        exclude_none=True,
    )
    add_changes(request, body.recipe_changes)
    if body.melody is not None:
        request.melody.wav = body.melody
    if (sound := body.origin_sound) is not None:
        given = generate_pb2.OriginSound(data=sound.data, upload_id=sound.upload_id, filename=sound.filename)
        request.origin_sound.CopyFrom(given)
    return fill_message(request, values | {"request_id": request_id})
