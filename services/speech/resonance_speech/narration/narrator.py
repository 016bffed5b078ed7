"""Narration use case: a script is spoken over a take and becomes a version of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

import grpc
import numpy as np
from numpy.typing import NDArray

from resonance.audio.speech_mix import mix, resample
from resonance.errors import Conflict, DataLoss, FailedPrecondition, InvalidInput, NotFound, invalid_field
from resonance.google.spending import spending_on
from resonance.ids import canonical_digest
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import generate_pb2, generate_pb2_grpc, speech_pb2
from resonance_speech.narration.placing import Placement, Sentence, place
from resonance_speech.voices.voice import Samples, Voice

_CALL_S_MAX = 60.0
_PART_BYTES = 256 * 1024
_GRID_NOTICES = {
    "beats": "the sentences begin on beats: on bar lines they would not have fitted",
    "free": "the sentences follow each other freely: on beats they would not have fitted, or the music has no steady beat",
}


class Narrator:
    """Makes narrated versions of takes. The takes are read from and written to the generate service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = generate_pb2_grpc.GenerateServiceStub(channel)

    async def narrate(self, request: speech_pb2.NarrateRequest, voice: Voice) -> generate_pb2.Take:
        """The stored version.

        Raises:
            InvalidInput: the voice cannot say the script, or the script is longer than its place.
            NotFound: there is no such take.
            FailedPrecondition: the take is a narrated version itself, or there is no price for the voice.
            Overloaded: the whole script would go over a ceiling; nothing of it was spoken.
            Conflict: the request id stands for another request.
            DataLoss: the take's samples are damaged.
        """
        digest = _digest(request)
        request_id = request.request_id or f"n-{digest[:30]}"
        if (stored := await self._find(request_id, digest)) is not None:
            return stored
        take = await self._get(request.take_request_id)
        if take.HasField("narration"):
            origin = take.narration.take_request_id
            raise FailedPrecondition(
                f"take {take.request_id} is narrated already; narrate take {origin}, which it was made of",
                reason="NARRATED",
            )
        with spending_on(request_id) as account:
            sentences, spoken = await _speak(request, voice)
        starts_s = [one.start_s if one.HasField("start_s") else None for one in request.sections]
        placement = place(
            sentences, starts_s, duration_s=take.duration_s, bpm=take.bpm if take.HasField("bpm") else None
        )
        pcm = await self._read_pcm(take)
        rate_hz = take.format.sample_rate_hz
        timed = [
            (one.start_s, resample(samples, voice.sample_rate_hz, rate_hz))
            for one, samples in zip(placement.placed, spoken, strict=True)
        ]
        mixed = await asyncio.to_thread(mix, pcm, timed, sample_rate_hz=rate_hz)
        opening = _to_opening(request, placement, voice)
        opening.request_id, opening.narration.request_digest = request_id, digest
        if account.usd:
            opening.cost_usd = account.usd
            opening.notices.append(
                f"spoken by {voice.info.voice_id} for about ${account.usd:.4f}; the words went there"
            )
        call = self._stub.AddVersion(_to_upload(opening, mixed.tobytes()), timeout=_CALL_S_MAX)
        made: generate_pb2.Take = (await unary_call(call, service="generate")).take
        return made

    async def _find(self, request_id: str, digest: str) -> generate_pb2.Take | None:
        """The version that the same request has made before, so that it is spoken and paid for once.

        Raises Conflict where the id stands for something else.
        """
        try:
            take = await self._get(request_id)
        except NotFound:
            return None
        if take.narration.request_digest != digest:
            raise Conflict(f"the id {request_id} stands for another take already", reason="REQUEST_ID_REUSED")
        return take

    async def _get(self, request_id: str) -> generate_pb2.Take:
        asked = generate_pb2.GetTakeRequest(request_id=request_id)
        take: generate_pb2.Take = (
            await unary_call(self._stub.GetTake(asked, timeout=_CALL_S_MAX), service="generate")
        ).take
        return take

    async def _read_pcm(self, take: generate_pb2.Take) -> NDArray[np.int16]:
        """The take's samples, `[samples, channels]`."""
        asked = generate_pb2.StreamTakeRequest(request_id=take.request_id)
        parts, expected = list[bytes](), b""
        async with aclosing(
            stream_call(self._stub.StreamTake(asked, timeout=_CALL_S_MAX), service="generate")
        ) as stream:
            async for event in stream:
                if event.HasField("chunk"):
                    parts.append(event.chunk.data)
                elif event.HasField("finished"):
                    expected = event.finished.end.sha256
        pcm = b"".join(parts)
        if hashlib.sha256(pcm).digest() != expected:
            raise DataLoss(f"the samples of take {take.request_id} did not come whole", reason="TAKE_DAMAGED")
        return np.frombuffer(pcm, "<i2").reshape(-1, max(1, take.format.channel_count))


async def _speak(request: speech_pb2.NarrateRequest, voice: Voice) -> tuple[list[Sentence], list[Samples]]:
    """All sentences with their lengths, and their samples at the voice's rate. None is spoken where all would cost too much."""
    speed = request.speed if request.HasField("speed") else 1.0
    texts = list[tuple[int, str]]()
    for index, section in enumerate(request.sections):
        with _naming_section(index):
            texts += [(index, text) for text in voice.split(section.text)]
    await voice.check_cost([text for _, text in texts])
    sentences, spoken = list[Sentence](), list[Samples]()
    for index, text in texts:
        with _naming_section(index):
            samples = await voice.speak(text, speed=speed, seed=len(sentences))
        spoken.append(samples)
        sentences.append(Sentence(section=index, text=text, duration_s=len(samples) / voice.sample_rate_hz))
    return sentences, spoken


@contextmanager
def _naming_section(index: int) -> Iterator[None]:
    """Names the section in a refusal of its text."""
    try:
        yield
    except InvalidInput as refusal:
        raise invalid_field(
            f"sections[{index}].text", refusal.violations[0].reason, refusal.violations[0].message
        ) from refusal


def _to_opening(request: speech_pb2.NarrateRequest, placement: Placement, voice: Voice) -> generate_pb2.VersionOpening:
    opening = generate_pb2.VersionOpening(
        take_request_id=request.take_request_id,
        narration=generate_pb2.Narration(take_request_id=request.take_request_id, voice_id=voice.info.voice_id),
    )
    for one in placement.placed:
        opening.narration.sentences.add(
            text=one.sentence.text,
            start_s=round(one.start_s, 3),
            end_s=round(one.end_s, 3),
            section=one.sentence.section,
        )
    if placement.grid in _GRID_NOTICES:
        opening.notices.append(_GRID_NOTICES[placement.grid])
    return opening


def _digest(request: speech_pb2.NarrateRequest) -> str:
    """The digest of what is asked for, whatever its id."""
    asked = speech_pb2.NarrateRequest()
    asked.CopyFrom(request)
    asked.request_id = ""
    return canonical_digest([asked.SerializeToString(deterministic=True).hex()])


async def _to_upload(opening: generate_pb2.VersionOpening, pcm: bytes) -> AsyncIterator[generate_pb2.AddVersionRequest]:
    yield generate_pb2.AddVersionRequest(opening=opening)
    for start in range(0, len(pcm), _PART_BYTES):
        yield generate_pb2.AddVersionRequest(pcm=pcm[start : start + _PART_BYTES])
