"""Recognizer of a server with OpenAI's transcription API (`POST /audio/transcriptions`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import numpy as np

from resonance.audio.wav import pcm16, wav_header
from resonance.errors import Unavailable
from resonance.v1 import speech_pb2
from resonance_speech.recognition.recognizer import RATE_HZ, Heard
from resonance_speech.recognition.vocabulary import build_prompt

_LISTENING_S_MAX = 60.0


class TranscriptionServer:
    """The recording is sent to the server as a WAV file, and kept there as its operator says."""

    def __init__(self, client: httpx.AsyncClient, *, model: str, is_local: bool) -> None:
        """`client` has the server's base address and, where it needs one, the key."""
        self._client = client
        self._is_local = is_local
        self.name = model

    @property
    def info(self) -> speech_pb2.RecognizerInfo:
        return speech_pb2.RecognizerInfo(name=self.name, is_local=self._is_local)

    async def listen(self, recording: Path, *, vocabulary: Sequence[str]) -> Heard:
        samples = np.frombuffer(await asyncio.to_thread(recording.read_bytes), "<f4")
        file = wav_header(sample_rate_hz=RATE_HZ, channel_count=1, sample_count=len(samples)) + pcm16(samples[None])
        try:
            answer = await self._client.post(
                "audio/transcriptions",
                data={"model": self.name, "prompt": build_prompt(vocabulary), "response_format": "json"},
                files={"file": ("wish.wav", file, "audio/wav")},
                timeout=_LISTENING_S_MAX,
            )
            answer.raise_for_status()
            return Heard(text=str(answer.json()["text"]).strip(), language="", confidence=1.0)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as failure:
            raise Unavailable(
                "the transcription server did not answer as expected; try again",
                reason="TRANSCRIPTION_SERVER_FAILED",
                retry_after_s=2.0,
            ) from failure

    async def close(self) -> None:
        await self._client.aclose()
