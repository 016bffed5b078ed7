"""Melody conditioning: an uploaded sound file becomes pitch classes."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput, Unsupported
from resonance.ids import sha256_hex
from resonance.settings import Settings
from resonance.v1 import generate_pb2
from resonance_generate.conditions.reading_turns import ReadingTurns
from resonance_generate.conditions.recipes import naming_field
from resonance_model.chroma import MELODY_S_MAX
from resonance_model.loaded_model import LoadedModel

_Message = generate_pb2.GenerateRequest | generate_pb2.PerformOpening | generate_pb2.PerformControl


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyChroma:
    """Pitch classes `[frames, 12]` of a melody and the SHA-256 of its file; None and empty without a melody."""

    chroma: Tensor | None = None
    sha256: str = ""


class MelodyReader:
    """Reads the melody of a request. The file is decoded in a confined child process."""

    def __init__(self, model: LoadedModel, settings: Settings) -> None:
        self._extractor = model.melody_chroma
        self._model_id = model.description.model_id
        self._limits = replace(DecodeLimits.of(settings), duration_s_max=MELODY_S_MAX)
        self._turns = ReadingTurns("melodies")

    async def read(self, message: _Message) -> MelodyChroma:
        """The melody that a message carries.

        Raises:
            Unsupported: the model cannot follow a melody.
            InvalidInput: the file is no sound, is silent, damaged or longer than MELODY_S_MAX; it names the field.
            Overloaded: too many melodies wait.
        """
        if not message.HasField("melody"):
            return MelodyChroma()
        if self._extractor is None:
            raise Unsupported(
                f"{self._model_id} cannot follow a melody; a MusicGen-Melody checkpoint can", reason="NO_MELODY"
            )
        async with self._turns.turn():
            with naming_field("melody.wav"):
                chroma = await self._decode(message.melody.wav, self._extractor.sample_rate_hz)
        return MelodyChroma(chroma=chroma, sha256=sha256_hex(message.melody.wav))

    async def _decode(self, sound: bytes, sample_rate_hz: int) -> Tensor:
        with tempfile.TemporaryDirectory(prefix="melody-") as folder:
            source = Path(folder) / "sound"
            await asyncio.to_thread(source.write_bytes, sound)
            try:
                decoded = await decode_file(
                    source, Path(folder) / "pcm", sample_rate_hz=sample_rate_hz, limits=self._limits
                )
            except InvalidInput as refusal:
                if refusal.reason == "TOO_LONG":
                    message = f"A melody may be {MELODY_S_MAX:g} s long; cut it."
                    raise InvalidInput(message, reason="TOO_LONG") from None
                raise
            return await asyncio.to_thread(self._extract, decoded)

    def _extract(self, decoded: DecodedFile) -> Tensor:
        assert self._extractor is not None
        if decoded.peak == 0.0:
            raise InvalidInput("The file is silent: it has no melody.", reason="SILENT")
        return self._extractor.classes(torch.from_numpy(decoded.samples().copy()))
