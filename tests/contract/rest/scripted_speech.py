"""SpeechService that hears what the script says."""

from __future__ import annotations

from tests.contract.rest.script import Script

from resonance.errors import invalid_field
from resonance.v1 import speech_pb2, speech_pb2_grpc


class ScriptedSpeech(speech_pb2_grpc.SpeechServiceServicer):
    """One voice, and one text for every recording; without a text nothing was said."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def ListVoices(self, request, context):
        return speech_pb2.ListVoicesResponse(voices=[speech_pb2.Voice(voice_id="scripted", language="en")])

    async def Transcribe(self, requests, context):
        self._script.recordings.append(b"".join([request.data async for request in requests]))
        if not self._script.spoken:
            raise invalid_field("data", "NOTHING_SAID", "nothing was heard")
        return speech_pb2.TranscribeResponse(text=self._script.spoken, language="en", confidence=0.9)
