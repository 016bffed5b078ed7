"""Voices of Google's speech models, by the door to Google's models."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.errors import InvalidInput, invalid_field
from resonance.google.door import GoogleDoor
from resonance.google.failures import wrong_answer
from resonance.google.prices import Kind
from resonance.google.spending import current_request
from resonance.identity import current_owner
from resonance_speech.voices.sentences import split_sentences
from resonance_speech.voices.voice import Samples, VoiceInfo
from resonance_speech.voices.wav_answer import WrongWavError, read_pcm, read_wav

_PAID_CHARACTERS = 1000


class GoogleVoice:
    """A voice at Google. The text of each sentence is sent there and paid for; what comes back may vary with the same `seed`."""

    sample_rate_hz = 24_000

    def __init__(self, door: GoogleDoor, *, model: str, name: str) -> None:
        """`name` is Google's name of the voice, such as `Kore`."""
        self._door = door
        self._model = model
        self._name = name
        self.info = VoiceInfo(
            voice_id=f"google-{name.lower()}",
            language="",
            description=f"Voice {name} at Google ({model}). The text leaves this installation, and {self._price()}.",
            license="",
            is_local=False,
            price_usd=door.spending.prices.usd.get(Kind.SPEECH),
            price_day=door.spending.prices.day,
        )

    def split(self, text: str) -> list[str]:
        return split_sentences(text)

    async def check_cost(self, sentences: Sequence[str]) -> None:
        await self._door.spending.check_room(
            Kind.SPEECH,
            sum(map(len, sentences)) / _PAID_CHARACTERS,
            owner=current_owner(),
            request_id=current_request(),
        )

    async def speak(self, sentence: str, *, speed: float, seed: int) -> Samples:
        """As the port says; further errors are those of `GoogleDoor.make`. A pace other than 1 is refused, as Google takes none."""
        if speed != 1.0:
            raise invalid_field(
                "speed", "CANNOT_OBEY", f"the voice {self.info.voice_id} has one pace; leave the speed at 1"
            )
        answer = await self._door.make(
            self._model,
            sentence,
            response_format={"type": "audio", "mime_type": "audio/wav", "sample_rate": self.sample_rate_hz},
            kind=Kind.SPEECH,
            quantity=len(sentence) / _PAID_CHARACTERS,
            generation_config={"speech_config": [{"voice": self._name}], "seed": seed % 2**31},
        )
        samples = self._read(answer.data, answer.media_type)
        if not len(samples):
            raise wrong_answer(self._model, "a sentence without a sample")
        return samples

    def _read(self, data: bytes, media_type: str) -> Samples:
        kind, _, parameters = media_type.lower().partition(";")
        if kind == "audio/l16":
            if f"rate={self.sample_rate_hz}" not in parameters.replace(" ", ""):
                raise wrong_answer(self._model, f"{media_type[:60]}; {self.sample_rate_hz} Hz are needed")
            return read_pcm(data)
        if kind not in ("audio/wav", "audio/x-wav"):
            raise wrong_answer(self._model, f"{media_type[:40]} in place of audio/wav")
        try:
            return read_wav(data, rate_hz=self.sample_rate_hz)
        except WrongWavError as failure:
            raise wrong_answer(self._model, str(failure)) from failure

    def _price(self) -> str:
        prices = self._door.spending.prices
        if Kind.SPEECH not in prices.usd:
            return "nothing is spoken until the operator has set its price"
        return f"costs about ${prices.usd[Kind.SPEECH]:g} for a thousand characters (price of {prices.day})"


def open_google_voices(door: GoogleDoor | None, *, model: str, names: str) -> list[GoogleVoice]:
    """The voices of RESONANCE_GOOGLE_VOICES, a list with commas; none without a name.

    Raises:
        InvalidInput: voices are named and there is no key.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wanted and door is None:
        raise InvalidInput("RESONANCE_GOOGLE_VOICES needs a key in RESONANCE_GEMINI_API_KEY", reason="INVALID_SETTING")
    return [GoogleVoice(door, model=model, name=name) for name in wanted if door is not None]
