"""Embedded voice: Hibari (Apache-2.0), whose weights come inside its package. It needs no download and speaks English."""

from __future__ import annotations

import asyncio
import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from hibari import SAMPLE_RATE, Hibari

from resonance.errors import InvalidInput, invalid_field
from resonance_speech.voices.voice import Samples, VoiceInfo

_MARKUP = re.compile(r"<\s*/?\s*[a-zA-Z][^<>]*>")


class EmbeddedVoice:
    """One voice, one model, loaded at the first sentence. The same sentence, speed and seed give the same samples."""

    info = VoiceInfo(
        voice_id="heart",
        language="en-US",
        description="A calm American English voice.",
        license="Apache-2.0",
        is_local=True,
    )
    sample_rate_hz = SAMPLE_RATE

    def __init__(self) -> None:
        self._turn = threading.Lock()

    @cached_property
    def _model(self) -> Hibari:
        return Hibari(voice=self.info.voice_id, threads=1)

    def split(self, text: str) -> list[str]:
        if markup := _MARKUP.search(text):
            raise _unspeakable(f"{markup[0]!r} is markup, which this voice does not read; write plain sentences")
        for word in text.split():
            if any(letter.isalpha() and not _is_latin(letter) for letter in word):
                raise _unspeakable(f"{word!r} is not written in Latin letters; this voice speaks English only")
        sentences = [sentence.strip() for sentence in Hibari.split_sentences(text)]
        if not any(character.isalnum() for character in text):
            raise _unspeakable("there is no word in it")
        return [sentence for sentence in sentences if any(character.isalnum() for character in sentence)]

    async def check_cost(self, sentences: Sequence[str]) -> None:
        """Nothing: no price is known here."""

    async def speak(self, sentence: str, *, speed: float, seed: int) -> Samples:
        return await asyncio.to_thread(self._speak, sentence, speed, seed)

    def _speak(self, sentence: str, speed: float, seed: int) -> Samples:
        with self._turn:
            samples: Samples = self._model(sentence, speed=speed, seed=seed % 2**32)
        if not len(samples):
            raise _unspeakable(f"{sentence!r} has no sound in English")
        return np.clip(samples, -1.0, 1.0)


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "MICRO", "FEMININE", "MASCULINE"))


def _unspeakable(why: str) -> InvalidInput:
    return invalid_field("text", "UNSPEAKABLE", why)
