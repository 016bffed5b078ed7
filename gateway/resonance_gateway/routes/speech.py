"""Speech: voices, spoken texts, narrated versions of takes with their captions, and transcriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.audio.delivery.tags import Provenance
from resonance.audio.provenance import speech_texts
from resonance.errors import NotFound
from resonance.ids import canonical_digest
from resonance.rpc.calls import unary_call
from resonance.v1 import generate_pb2, speech_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import media_type, read_json, read_path_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.delivery import BINARY, MEDIA_TYPES, Format, Level, Raw, get_delivery, read_choice
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json
from resonance_gateway.services.service_client import rest_errors
from resonance_gateway.services.services import Services

_NARRATE_S_MAX = 180.0
_TRANSCRIBE_S_MAX = 90.0
_TRANSCRIPTION = message_schema("TranscribeResponse")
_VOICES = {
    "type": "object",
    "properties": {
        "voices": {"type": "array", "items": message_schema("Voice")},
        "recognizer": message_schema("RecognizerInfo"),
    },
    "required": ["voices", "recognizer"],
}


class SpeechBody(Body):
    """A text and how it is spoken."""

    text: Annotated[str, rule("SpeakRequest.text", description="What is said, sentence by sentence.")]
    voice: Annotated[str, rule("SpeakRequest.voice_id", description="One of `/v1/voices`.")] = ""
    speed: Annotated[float | None, rule("SpeakRequest.speed")] = None
    seed: Annotated[int | None, rule("SpeakRequest.seed")] = None
    format: Format | None = None
    raw: Raw = False
    level: Level = True


class SectionBody(Body):
    """A part of a script."""

    text: Annotated[str, rule("ScriptSection.text")]
    start_s: Annotated[float | None, rule("ScriptSection.start_s", description="When it may begin.")] = None


class NarrationBody(Body):
    """A script for a take: `script` as one text, or `sections` with times."""

    script: Annotated[str | None, rule("ScriptSection.text", description="The whole script, from one second on.")] = (
        None
    )
    sections: Annotated[list[SectionBody], items("NarrateRequest.sections", min_length=0)] = []
    voice: Annotated[str, rule("NarrateRequest.voice_id")] = ""
    speed: Annotated[float | None, rule("NarrateRequest.speed")] = None
    request_id: Annotated[
        str | None,
        rule("NarrateRequest.request_id", description="Names the new take; without it the request itself does."),
    ] = None


class VoicesEndpoint(HTTPEndpoint):
    """`/v1/voices`."""

    @operation(
        summary="The voices, the default one first, and who writes down what is said; whether words and recordings stay here",
        tag="speech",
        responses={200: json_response("The voices", _VOICES)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        response = await get_services(request).speech.ask("ListVoices", speech_pb2.ListVoicesRequest())
        return JSONResponse(to_json(response))


class SpeechEndpoint(HTTPEndpoint):
    """`/v1/speech`."""

    @operation(
        summary="Speak a text; the answer is a sound file with marks",
        tag="speech",
        body=SpeechBody,
        responses={200: ("The spoken text", MEDIA_TYPES, BINARY)},
        headers={"X-Voice": "The voice that spoke."},
        faults=(400, 404, 406, 413, 415, 422, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, SpeechBody)
        choice = read_choice(request, name=body.format, raw=body.raw, level=body.level)
        asked = fill_message(
            speech_pb2.SpeakRequest(voice_id=body.voice),
            body.model_dump(include={"text", "speed", "seed"}, exclude_none=True),
        )
        started, pcm = await cancel_on_disconnect(request, _speak(get_services(request), asked))
        provenance = Provenance(
            info=speech_texts(body.text, voice_id=started.voice.voice_id, terms=started.voice.license),
            recipe_id=canonical_digest([asked.SerializeToString(deterministic=True).hex()])[:16],
            model_id=started.voice.voice_id,
        )
        file = await asyncio.to_thread(
            get_delivery(request).file,
            pcm,
            provenance,
            choice,
            sample_rate_hz=started.format.sample_rate_hz,
            channel_count=1,
        )
        headers = {
            "X-Voice": started.voice.voice_id,
            "Content-Disposition": f'inline; filename="speech{choice.form.endings[0]}"',
        }
        return Response(file, media_type=choice.form.media_type, headers=headers)


class NarrationsEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/narrations`."""

    @operation(
        summary="Speak a script over a take, which becomes a new take; the old one stays",
        tag="speech",
        body=NarrationBody,
        responses={201: json_response("The narrated take", message_schema("Take"))},
        headers={"Location": "The narrated take."},
        faults=(400, 404, 409, 413, 415, 422, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, NarrationBody)
        narrate = speech_pb2.NarrateRequest(
            take_request_id=read_path_id(request, "request_id", "take"),
            request_id=body.request_id or "",
            sections=to_sections(body.script, body.sections),
            voice_id=body.voice,
            speed=body.speed,
        )
        asking = get_services(request).speech.ask("Narrate", narrate, timeout_s=_NARRATE_S_MAX)
        take = (await cancel_on_disconnect(request, asking)).take
        location = own_path(request, f"/v1/takes/{take.request_id}")
        return JSONResponse(to_json(take), status_code=201, headers={"Location": location})


class CaptionsEndpoint(HTTPEndpoint):
    """`/v1/takes/{request_id}/captions.vtt`."""

    @operation(
        summary="What is spoken in a narrated take, as WebVTT",
        tag="speech",
        responses={200: ("Captions", "text/vtt", {"type": "string"})},
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        asked = generate_pb2.GetTakeRequest(request_id=read_path_id(request, "request_id", "take"))
        take = (await get_services(request).generate.ask("GetTake", asked)).take
        if not take.HasField("narration"):
            raise NotFound(f"nothing is spoken in take {take.request_id}", reason="NO_CAPTIONS")
        return Response(_to_vtt(take.narration), media_type="text/vtt")


class TranscriptionsEndpoint(HTTPEndpoint):
    """`/v1/transcriptions`."""

    @operation(
        summary="Write down what is said in a recording of at most 30 s, which is not kept",
        tag="speech",
        binary="application/octet-stream",
        responses={200: json_response("What was said", _TRANSCRIPTION)},
        faults=(400, 413, 415, 422, 429, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        kind = media_type(request)
        if kind != "application/octet-stream" and not kind.startswith(("audio/", "video/webm")):
            raise HTTPException(
                415, "send the recording itself, with Content-Type: application/octet-stream or audio/..."
            )
        return JSONResponse(to_json(await _transcribe(get_services(request), request.stream())))


def to_sections(script: str | None, sections: list[SectionBody]) -> list[speech_pb2.ScriptSection]:
    """The sections of a script; one that is a single text comes first."""
    whole = [] if script is None else [speech_pb2.ScriptSection(text=script)]
    return whole + [
        fill_message(speech_pb2.ScriptSection(), section.model_dump(exclude_none=True)) for section in sections
    ]


async def _speak(services: Services, asked: speech_pb2.SpeakRequest) -> tuple[speech_pb2.SpeechStarted, bytes]:
    started, parts = speech_pb2.SpeechStarted(), list[bytes]()
    async with aclosing(services.speech.listen("Speak", asked)) as events:
        async for event in events:
            if event.HasField("started"):
                started = event.started
            elif event.HasField("chunk"):
                parts.append(event.chunk.data)
    return started, b"".join(parts)


async def _transcribe(services: Services, blocks: AsyncIterator[bytes]) -> speech_pb2.TranscribeResponse:
    async def messages() -> AsyncIterator[speech_pb2.TranscribeRequest]:
        yield speech_pb2.TranscribeRequest(opening=speech_pb2.TranscriptionOpening())
        async for block in blocks:
            if block:
                yield speech_pb2.TranscribeRequest(data=block)

    call = services.speech.stub.Transcribe(messages(), timeout=_TRANSCRIBE_S_MAX)
    with rest_errors():
        response: speech_pb2.TranscribeResponse = await unary_call(call, service=services.speech.name)
    return response


def _to_vtt(narration: generate_pb2.Narration) -> str:
    """WebVTT (W3C) with a cue for each sentence."""
    cues = [
        f"{_to_clock(sentence.start_s)} --> {_to_clock(sentence.end_s)}\n{sentence.text.replace('-->', '→')}"
        for sentence in narration.sentences
    ]
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def _to_clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
