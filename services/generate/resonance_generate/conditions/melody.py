"""MelodyReader: a stranger's sound file, decoded in the jail, becomes the pitch classes that a melody checkpoint follows."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput, Overloaded, Unsupported
from resonance.settings import Settings
from resonance.v1 import generate_pb2
from resonance_generate.conditions.recipes import naming
from resonance_model.chroma import MELODY_S_MAX
from resonance_model.loaded_model import LoadedModel

# MelodyReader that are decoded and heard at once, and those that may wait for it.
AT_ONCE = 2
WAITING_MAX = 8


class MelodyReader:
    """Hears tunes for one model."""

    def __init__(self, model: LoadedModel, settings: Settings) -> None:
        self._ear = model.melody_chroma
        self._model_id = model.description.model_id
        self._limits = replace(DecodeLimits.of(settings), duration_s_max=MELODY_S_MAX)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._asked = 0

    def check(self, melody: generate_pb2.Melody | None) -> None:
        """Raises Unsupported where there is a tune and the model follows none."""
        if melody is not None and self._ear is None:
            raise Unsupported(
                f"{self._model_id} cannot follow a melody; a MusicGen-Melody checkpoint can", reason="NO_MELODY"
            )

    async def hear(self, melody: generate_pb2.Melody | None) -> Tensor | None:
        """The tune's pitch classes `[frames, 12]`; None where there is no tune.

        Raises:
            Unsupported: the model follows no tunes.
            InvalidInput: the file is no sound, is silent, damaged or longer than MELODY_S_MAX; it names the field.
            Overloaded: too many tunes wait.
        """
        self.check(melody)
        if melody is None or self._ear is None:
            return None
        if self._asked >= AT_ONCE + WAITING_MAX:
            raise Overloaded(
                "too many tunes are being heard; try again in a moment", reason="QUEUE_FULL", retry_after_s=2.0
            )
        self._asked += 1
        try:
            with naming("melody.wav"):
                async with self._turn:
                    return await self._decoded(melody.wav, self._ear.sample_rate_hz)
        finally:
            self._asked -= 1

    async def _decoded(self, sound: bytes, sample_rate_hz: int) -> Tensor:
        with tempfile.TemporaryDirectory(prefix="tune-") as folder:
            source = Path(folder) / "sound"
            await asyncio.to_thread(source.write_bytes, sound)
            try:
                decoded = await decode_file(
                    source, Path(folder) / "pcm", sample_rate_hz=sample_rate_hz, limits=self._limits
                )
            except InvalidInput as refusal:
                if refusal.reason == "TOO_LONG":
                    raise InvalidInput(f"A tune may be {MELODY_S_MAX:g} s long; cut it.", reason="TOO_LONG") from None
                raise
            return await asyncio.to_thread(self._heard, decoded)

    def _heard(self, decoded: DecodedFile) -> Tensor:
        assert self._ear is not None
        if decoded.peak == 0.0:
            raise InvalidInput("The file is silent: it has no tune.", reason="SILENT")
        return self._ear.classes(torch.from_numpy(decoded.samples().copy()))


def requested_melody(
    message: generate_pb2.GenerateRequest | generate_pb2.PerformOpening | generate_pb2.PerformControl,
) -> generate_pb2.Melody | None:
    """The tune that a message carries."""
    return message.melody if message.HasField("melody") else None
