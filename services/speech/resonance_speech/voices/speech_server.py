"""Voices of a server with OpenAI's speech API (`POST /audio/speech`): OpenAI, and local servers of many speech models."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from resonance.errors import Unavailable, invalid_field
from resonance_speech.voices.sentences import split_sentences
from resonance_speech.voices.voice import Samples, VoiceInfo
from resonance_speech.voices.wav_answer import WrongWavError, read_wav

_SPEAKING_S_MAX = 60.0


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
        return split_sentences(text)

    async def check_cost(self, sentences: Sequence[str]) -> None:
        """Nothing: no price is known here."""

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
        try:
            return read_wav(answer.content, rate_hz=self.sample_rate_hz)
        except WrongWavError as failure:
            raise Unavailable(f"the speech server sent {failure}", reason="SPEECH_SERVER_WRONG") from failure


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return min(60.0, float(text)) if text.isascii() and text.isdecimal() else 2.0
