"""Speech calls: voices, spoken texts, narrated versions of takes, transcriptions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from resonance.errors import DataLoss
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import generate_pb2, speech_pb2, speech_pb2_grpc

_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A spoken text: mono 16-bit PCM, its rate, the voice, and the sentences with their times."""

    pcm: bytes
    sample_rate_hz: int
    voice: speech_pb2.Voice
    sentences: tuple[generate_pb2.SpokenSentence, ...]


class SpeechCalls:
    """Calls of SpeechService."""

    def __init__(self, stub: speech_pb2_grpc.SpeechServiceStub) -> None:
        self._stub = stub

    async def voices(self) -> list[speech_pb2.Voice]:
        """The voices, the default one first."""
        return list((await unary_call(self._stub.ListVoices(speech_pb2.ListVoicesRequest()))).voices)

    async def speak(self, text: str, *, voice: str = "", speed: float | None = None, seed: int | None = None) -> Spoken:
        """A spoken text. Raises DataLoss where what came is not what was sent."""
        request = speech_pb2.SpeakRequest(text=text, voice_id=voice, speed=speed, seed=seed)
        started, sentences, parts = speech_pb2.SpeechStarted(), list[generate_pb2.SpokenSentence](), list[bytes]()
        expected = b""
        async with aclosing(stream_call(self._stub.Speak(request))) as events:
            async for event in events:
                if event.HasField("started"):
                    started = event.started
                elif event.HasField("sentence"):
                    sentences.append(event.sentence)
                elif event.HasField("chunk"):
                    parts.append(event.chunk.data)
                elif event.HasField("finished"):
                    expected = event.finished.sha256
        pcm = b"".join(parts)
        if hashlib.sha256(pcm).digest() != expected:
            raise DataLoss("the spoken text did not come whole; ask again", reason="STREAM_DAMAGED")
        return Spoken(
            pcm=pcm, sample_rate_hz=started.format.sample_rate_hz, voice=started.voice, sentences=tuple(sentences)
        )

    async def narrate(
        self,
        take_request_id: str,
        sections: Sequence[tuple[str, float | None]],
        *,
        voice: str = "",
        speed: float | None = None,
        request_id: str = "",
    ) -> generate_pb2.Take:
        """A version of the take with the sections' texts spoken over it; each may begin at its time in seconds, if it has one."""
        request = speech_pb2.NarrateRequest(
            take_request_id=take_request_id,
            request_id=request_id,
            sections=[speech_pb2.ScriptSection(text=text, start_s=start_s) for text, start_s in sections],
            voice_id=voice,
            speed=speed,
        )
        return (await unary_call(self._stub.Narrate(request))).take

    async def transcribe(self, path: Path, *, vocabulary: Sequence[str] = ()) -> speech_pb2.TranscribeResponse:
        """Transcribes a sound file of at most 30 seconds. `vocabulary` are words that are likely to be said."""
        data = await asyncio.to_thread(path.read_bytes)
        opening = speech_pb2.TranscriptionOpening(filename=path.name[-200:], vocabulary=vocabulary)
        response: speech_pb2.TranscribeResponse = await unary_call(self._stub.Transcribe(_upload(opening, data)))
        return response


async def _upload(opening: speech_pb2.TranscriptionOpening, data: bytes) -> AsyncIterator[speech_pb2.TranscribeRequest]:
    yield speech_pb2.TranscribeRequest(opening=opening)
    for start in range(0, len(data), _PART_BYTES):
        yield speech_pb2.TranscribeRequest(data=data[start : start + _PART_BYTES])
