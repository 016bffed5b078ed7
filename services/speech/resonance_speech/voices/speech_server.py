"""Voices of a server with OpenAI's speech API (`POST /audio/speech`): OpenAI, and local servers of many speech models."""

from __future__ import annotations

import io
import re
import wave

import httpx
import numpy as np

from resonance.errors import Unavailable, invalid_field
from resonance_speech.voices.voice import Samples, VoiceInfo

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"”’)\]]*\s+(?=\S)")
_SPEAKING_S_MAX = 60.0
_BYTES_MAX = 50 * 1024 * 1024


class ServerVoice:
    """A voice of the server. The text of each sentence is sent there; `seed` has no effect, and what comes back may vary."""

    sample_rate_hz = 24_000

    def __init__(self, client: httpx.AsyncClient, *, model: str, name: str, is_local: bool) -> None:
        """`client` has the server's base address and, where it needs one, the key."""
        self._client = client
        self._model = model
        self.info = VoiceInfo(
            voice_id=name,
            language="",
            description=f"Voice {name} of the speech server ({model}).",
            license="",
            is_local=is_local,
        )

    def split(self, text: str) -> list[str]:
        sentences = [part.strip() for line in text.splitlines() for part in _SENTENCE_END.split(line)]
        found = [sentence for sentence in sentences if any(character.isalnum() for character in sentence)]
        if not found:
            raise invalid_field("text", "UNSPEAKABLE", "there is no word in it")
        return found

    async def speak(self, sentence: str, *, speed: float, seed: int) -> Samples:
        body = {
            "model": self._model,
            "voice": self.info.voice_id,
            "input": sentence,
            "speed": speed,
            "response_format": "wav",
        }
        try:
            answer = await self._client.post("audio/speech", json=body, timeout=_SPEAKING_S_MAX)
        except httpx.HTTPError as failure:
            raise Unavailable("the speech server cannot be reached", reason="SPEECH_SERVER_AWAY") from failure
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(
                f"the speech server answered {answer.status_code}; try again",
                reason="SPEECH_SERVER_BUSY",
                retry_after_s=_retry_after_s(answer),
            )
        if answer.status_code != 200:
            message = f"the speech server refused the sentence {sentence!r} ({answer.status_code})"
            raise invalid_field("text", "UNSPEAKABLE", message)
        return self._read_wav(answer.content)

    def _read_wav(self, data: bytes) -> Samples:
        """The samples of a 16-bit WAV file. Its header may have been written for a stream, with a length that is not true."""
        try:
            with wave.open(io.BytesIO(data[:_BYTES_MAX])) as file:
                is_expected = (file.getsampwidth(), file.getnchannels()) == (2, 1)
                rate_hz = file.getframerate()
                frames = file.readframes(_BYTES_MAX // 2)
        except (wave.Error, EOFError) as failure:
            raise Unavailable("the speech server sent no WAV file", reason="SPEECH_SERVER_WRONG") from failure
        if not is_expected or rate_hz != self.sample_rate_hz:
            raise Unavailable(
                f"the speech server sent {rate_hz} Hz; mono 16-bit samples at {self.sample_rate_hz} Hz are needed",
                reason="SPEECH_SERVER_WRONG",
            )
        return np.frombuffer(frames[: len(frames) & ~1], "<i2").astype(np.float32) / 32768.0


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return min(60.0, float(text)) if text.isascii() and text.isdecimal() else 2.0
