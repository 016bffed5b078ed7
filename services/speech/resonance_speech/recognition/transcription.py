"""Transcription use case: an uploaded recording is decoded in the sandbox of untrusted files, recognized, and deleted."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput, invalid_field
from resonance.v1 import speech_pb2
from resonance_speech.recognition.recognizer import RATE_HZ, RECORDING_S_MAX, Recognizer

BYTES_MAX = 16 * 1024 * 1024
_DECODED_BYTES_MAX = 4 * 1024 * 1024
_DECODE_S_MAX = 20.0
_SILENT_LUFS = -60.0


class Transcription:
    """Recordings are heard one after the other."""

    def __init__(self, recognizer: Recognizer, folder: Path) -> None:
        """Recordings lie below `folder` while they are heard."""
        self._recognizer = recognizer
        self._folder = folder

    @property
    def recognizer(self) -> speech_pb2.RecognizerInfo:
        """Who writes down what is said."""
        return self._recognizer.info

    async def transcribe(self, requests: AsyncIterator[speech_pb2.TranscribeRequest]) -> speech_pb2.TranscribeResponse:
        """Transcribes the uploaded file.

        Raises:
            InvalidInput: the file is too large or too long, is no sound, or nothing is said in it.
            Unavailable: the recognizer cannot be reached.
        """
        first = await anext(requests, None)
        if first is None or first.WhichOneof("part") != "opening":
            raise invalid_field("opening", "REQUIRED", "the first message must have it")
        with tempfile.TemporaryDirectory(prefix="wish-", dir=self._folder) as folder:
            source = Path(folder) / "recording"
            await _write(requests, source)
            decoded = await decode_file(
                source,
                Path(folder) / "samples",
                sample_rate_hz=RATE_HZ,
                limits=DecodeLimits(
                    duration_s_max=RECORDING_S_MAX, decoded_bytes_max=_DECODED_BYTES_MAX, decode_s_max=_DECODE_S_MAX
                ),
                name=first.opening.filename,
            )
            return await self._listen(decoded, list(first.opening.vocabulary))

    async def _listen(self, decoded: DecodedFile, vocabulary: list[str]) -> speech_pb2.TranscribeResponse:
        if decoded.peak == 0 or decoded.loudness_lufs < _SILENT_LUFS:
            raise _nothing_said("the recording is silent; is the microphone switched on?")
        heard = await self._recognizer.listen(decoded.path, vocabulary=vocabulary)
        if not heard.text:
            raise _nothing_said("nothing that sounds like words was heard; say it again, closer to the microphone")
        return speech_pb2.TranscribeResponse(
            text=heard.text,
            language=heard.language,
            duration_s=round(decoded.duration_s, 3),
            confidence=heard.confidence,
            recognizer=self._recognizer.name,
        )


async def _write(requests: AsyncIterator[speech_pb2.TranscribeRequest], target: Path) -> None:
    size = 0
    with target.open("wb") as file:
        async for request in requests:
            if request.WhichOneof("part") != "data":
                raise invalid_field("opening", "REPEATED", "only the first message has one")
            size += len(request.data)
            if size > BYTES_MAX:
                message = (
                    f"the recording has more than {BYTES_MAX // 2**20} MB; {RECORDING_S_MAX:.0f} s of speech need less"
                )
                raise InvalidInput(message, reason="TOO_LARGE")
            await asyncio.to_thread(file.write, request.data)
    if not size:
        raise InvalidInput("the recording is empty", reason="EMPTY_FILE")


def _nothing_said(message: str) -> InvalidInput:
    return InvalidInput(message, reason="NOTHING_SAID")
