"""Recognizer of Google's transcription model, by the door to Google's models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from resonance.audio.wav import pcm16, wav_header
from resonance.google.door import GoogleDoor
from resonance.google.prices import Kind
from resonance.v1 import speech_pb2
from resonance_speech.recognition.recognizer import RATE_HZ, Heard


class GoogleRecognizer:
    """The recording is sent to Google as a WAV file and paid for by its seconds. It tells neither a language nor a probability."""

    def __init__(self, door: GoogleDoor, *, model: str) -> None:
        self._door = door
        self.name = model

    @property
    def info(self) -> speech_pb2.RecognizerInfo:
        prices = self._door.spending.prices
        return speech_pb2.RecognizerInfo(
            name=self.name,
            is_local=False,
            is_google=True,
            price_usd=prices.usd.get(Kind.HEARING_S),
            price_day=prices.day,
        )

    async def listen(self, recording: Path, *, vocabulary: Sequence[str]) -> Heard:
        """As the port says; further errors are those of `GoogleDoor.transcribe`."""
        samples = np.frombuffer(await asyncio.to_thread(recording.read_bytes), "<f4")
        file = wav_header(sample_rate_hz=RATE_HZ, channel_count=1, sample_count=len(samples)) + pcm16(samples[None])
        text = await self._door.transcribe(self.name, file, vocabulary=vocabulary, seconds=len(samples) / RATE_HZ)
        return Heard(text=text, language="", confidence=1.0)

    async def close(self) -> None:
        """Nothing: the door is closed by its owner."""
