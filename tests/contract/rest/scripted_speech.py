"""SpeechService that hears what the script says."""

from __future__ import annotations

import hashlib

from tests.contract.rest.script import Script

from resonance.errors import NotFound, invalid_field
from resonance.v1 import audio_pb2, generate_pb2, speech_pb2, speech_pb2_grpc


class ScriptedSpeech(speech_pb2_grpc.SpeechServiceServicer):
    """One voice, and one text for every recording; without a text nothing was said."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def ListVoices(self, request, context):
        return speech_pb2.ListVoicesResponse(
            voices=[speech_pb2.Voice(voice_id="scripted", language="en", is_local=True), *self._script.voices],
            recognizer=self._script.recognizer,
        )

    async def Speak(self, request, context):
        audio_format = audio_pb2.AudioFormat(
            sample_rate_hz=24_000, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
        )
        voice = speech_pb2.Voice(voice_id="scripted", language="en")
        yield speech_pb2.SpeakResponse(started=speech_pb2.SpeechStarted(format=audio_format, voice=voice))
        pcm = b"\0\1" * 12_000
        yield speech_pb2.SpeakResponse(chunk=audio_pb2.AudioChunk(sample_count=12_000, data=pcm))
        end = audio_pb2.StreamEnd(sample_count_total=12_000, sha256=hashlib.sha256(pcm).digest())
        yield speech_pb2.SpeakResponse(finished=end)

    async def Narrate(self, request, context):
        if request.take_request_id not in self._script.takes:
            raise NotFound(f"there is no finished take {request.take_request_id}", reason="NO_SUCH_TAKE")
        take, samples = self._script.takes[request.take_request_id]
        narrated = generate_pb2.Take()
        narrated.CopyFrom(take)
        narrated.request_id = request.request_id or "n-scripted"
        narrated.narration.take_request_id = take.request_id
        narrated.narration.sentences.add(text=request.sections[0].text, start_s=1, end_s=2)
        self._script.takes[narrated.request_id] = narrated, samples
        return speech_pb2.NarrateResponse(take=narrated)

    async def Transcribe(self, requests, context):
        self._script.recordings.append(b"".join([request.data async for request in requests]))
        if not self._script.spoken:
            raise invalid_field("data", "NOTHING_SAID", "nothing was heard")
        return speech_pb2.TranscribeResponse(text=self._script.spoken, language="en", confidence=0.9)
