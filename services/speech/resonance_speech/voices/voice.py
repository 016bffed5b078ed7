"""Port of the voices: a voice speaks one sentence at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resonance.v1 import speech_pb2

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceInfo:
    """Description of a voice. `is_local` says that the text does not leave this installation; `price_usd` is for a thousand characters."""

    voice_id: str
    language: str
    description: str
    license: str
    is_local: bool
    price_usd: float | None = None
    price_day: str = ""

    def to_message(self) -> speech_pb2.Voice:
        return speech_pb2.Voice(
            voice_id=self.voice_id,
            language=self.language,
            description=self.description,
            license=self.license,
            is_local=self.is_local,
            price_usd=self.price_usd,
            price_day=self.price_day,
        )


class Voice(Protocol):
    """A voice. Methods are coroutines and leave the event loop free."""

    info: VoiceInfo
    sample_rate_hz: int

    def split(self, text: str) -> list[str]:
        """The sentences of a text, in their order.

        Raises:
            InvalidInput: the voice cannot say a part of the text; the message names it.
        """
        ...

    async def check_cost(self, sentences: Sequence[str]) -> None:
        """Returns where all sentences may be spoken for what they cost together.

        Raises:
            FailedPrecondition: there is no price for this voice.
            Overloaded: they would go over a ceiling; the message has the figures.
        """
        ...

    async def speak(self, sentence: str, *, speed: float, seed: int) -> Samples:
        """A sentence, mono `[samples]` within [-1, 1].

        Raises:
            InvalidInput: the voice cannot say it.
            Unavailable: the server that speaks cannot be reached.
        """
        ...
