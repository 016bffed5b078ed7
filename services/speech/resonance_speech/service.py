"""Servicer of SpeechService; each method is one use case."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence

from resonance.audio.wav import pcm16
from resonance.errors import NotFound
from resonance.google.spending import spending_on
from resonance.ids import new_request_id
from resonance.rpc import ServerContext
from resonance.v1 import audio_pb2, generate_pb2, speech_pb2, speech_pb2_grpc
from resonance_speech.narration.narrator import Narrator
from resonance_speech.recognition.transcription import Transcription
from resonance_speech.voices.voice import Voice


class SpeechService(speech_pb2_grpc.SpeechServiceServicer):
    """Speaks, narrates and transcribes. At most `slots` texts are spoken at once."""

    def __init__(
        self, voices: Sequence[Voice], narrator: Narrator, transcription: Transcription, *, slot_count: int
    ) -> None:
        """The first voice is the default one."""
        self._voices = {voice.info.voice_id: voice for voice in reversed(voices)}
        self._default = voices[0]
        self._narrator = narrator
        self._transcription = transcription
        self._slots = asyncio.Semaphore(slot_count)

    async def ListVoices(  # noqa: N802
        self, request: speech_pb2.ListVoicesRequest, context: ServerContext
    ) -> speech_pb2.ListVoicesResponse:
        others = [voice for voice in reversed(self._voices.values()) if voice is not self._default]
        return speech_pb2.ListVoicesResponse(
            voices=[voice.info.to_message() for voice in (self._default, *others)],
            recognizer=self._transcription.recognizer,
        )

    async def Speak(  # noqa: N802
        self, request: speech_pb2.SpeakRequest, context: ServerContext
    ) -> AsyncIterator[speech_pb2.SpeakResponse]:
        voice = self._find_voice(request.voice_id)
        sentences = voice.split(request.text)
        speed = request.speed if request.HasField("speed") else 1.0
        audio_format = audio_pb2.AudioFormat(
            sample_rate_hz=voice.sample_rate_hz, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
        )
        started = speech_pb2.SpeechStarted(format=audio_format, voice=voice.info.to_message())
        yield speech_pb2.SpeakResponse(started=started)
        position, digest, request_id = 0, hashlib.sha256(), new_request_id()
        with spending_on(request_id):
            await voice.check_cost(sentences)
        async with self._slots:
            for number, text in enumerate(sentences):
                with spending_on(request_id):
                    samples = await voice.speak(text, speed=speed, seed=request.seed + number)
                end = position + len(samples)
                sentence = generate_pb2.SpokenSentence(
                    text=text, start_s=position / voice.sample_rate_hz, end_s=end / voice.sample_rate_hz
                )
                yield speech_pb2.SpeakResponse(sentence=sentence)
                pcm = pcm16(samples[None])
                digest.update(pcm)
                chunk = audio_pb2.AudioChunk(
                    sequence=number, sample_offset=position, sample_count=len(samples), data=pcm
                )
                yield speech_pb2.SpeakResponse(chunk=chunk)
                position = end
        finished = audio_pb2.StreamEnd(sample_count_total=position, sha256=digest.digest())
        yield speech_pb2.SpeakResponse(finished=finished)

    async def Narrate(  # noqa: N802
        self, request: speech_pb2.NarrateRequest, context: ServerContext
    ) -> speech_pb2.NarrateResponse:
        voice = self._find_voice(request.voice_id)
        async with self._slots:
            return speech_pb2.NarrateResponse(take=await self._narrator.narrate(request, voice))

    async def Transcribe(  # noqa: N802
        self, request_iterator: AsyncIterator[speech_pb2.TranscribeRequest], context: ServerContext
    ) -> speech_pb2.TranscribeResponse:
        return await self._transcription.transcribe(request_iterator)

    def _find_voice(self, voice_id: str) -> Voice:
        if not voice_id:
            return self._default
        if voice_id not in self._voices:
            known = ", ".join(reversed(self._voices))
            raise NotFound(f"there is no voice {voice_id}; there are: {known}", reason="NO_SUCH_VOICE")
        return self._voices[voice_id]
