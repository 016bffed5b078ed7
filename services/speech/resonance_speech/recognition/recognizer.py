"""Port of the recognizers: a recognizer writes down what is said in a short recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resonance.v1 import speech_pb2

RATE_HZ = 16_000
RECORDING_S_MAX = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Recognized words; empty where none were spoken. `confidence` is the mean probability of the words, from 0 to 1."""

    text: str
    language: str
    confidence: float


class Recognizer(Protocol):
    """A recognizer. `name` names the model that listens; `info` says where it does and what that costs."""

    name: str

    @property
    def info(self) -> speech_pb2.RecognizerInfo:
        """Its name, its place and its price."""
        ...

    async def listen(self, recording: Path, *, vocabulary: Sequence[str]) -> Heard:
        """Transcribes a recording: mono float32 little-endian samples at RATE_HZ, at most RECORDING_S_MAX.

        `vocabulary` are words that are likely to be said.

        Raises:
            Unavailable: the model or the server cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Ends what the recognizer has started."""
        ...
