"""Origin sounds: an uploaded sound file becomes the tokens from which a take goes on."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.errors import InvalidInput, invalid_field
from resonance.ids import sha256_hex
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.token_document import Codes
from resonance.store.uploads import read_upload
from resonance.v1 import generate_pb2
from resonance_generate.conditions.reading_turns import ReadingTurns
from resonance_generate.conditions.recipes import naming_field
from resonance_model.loaded_model import LoadedModel

# As much as the model was trained to look back on; encoding it takes a quarter of a gigabyte with MusicGen's codec.
SOUND_S_MAX = 30.0
SOUND_S_MIN = 1.0
_FIELD = "origin_sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginSound:
    """Tokens `[codebooks, frames]` of a sound, its description, and what a listener shall know about it."""

    codes: Codes
    description: generate_pb2.ContinuedSound
    notices: tuple[str, ...]


class OriginSoundReader:
    """Reads the origin sound of a request by the signal chain of tastes: a confined child decodes it, to one channel at one loudness."""

    def __init__(self, model: LoadedModel, settings: Settings, store: ObjectStore) -> None:
        self._model = model
        self._store = store
        limits = DecodeLimits.of(settings)
        self._limits = replace(limits, duration_s_max=max(limits.duration_s_max, SOUND_S_MAX))
        self._turns = ReadingTurns("sounds")

    async def read(self, request: generate_pb2.GenerateRequest) -> OriginSound | None:
        """The sound that a request goes on from; None without one.

        Raises:
            InvalidInput: the file is no sound, is silent, damaged, too short or too long, or contradicts `origin`; it names the field.
            NotFound, FailedPrecondition: there is no such upload, or it is not whole.
            Overloaded: too many sounds wait.
        """
        if not request.HasField("origin_sound"):
            return None
        given = request.origin_sound
        if request.HasField("origin"):
            raise invalid_field(_FIELD, "CONFLICT", "a take goes on from a take or from a sound, not from both")
        if bool(given.data) == bool(given.upload_id):
            raise invalid_field(_FIELD, "REQUIRED", "give either the file in `data` or its `upload_id`")
        async with self._turns.turn():
            with naming_field(f"{_FIELD}.upload_id" if given.upload_id else f"{_FIELD}.data"):
                filename, data = given.filename, given.data
                if given.upload_id:
                    uploaded_name, data = await read_upload(self._store, given.upload_id)
                    filename = filename or uploaded_name
                return await self._read(filename, data)

    async def _read(self, filename: str, data: bytes) -> OriginSound:
        with tempfile.TemporaryDirectory(prefix="origin-sound-") as folder:
            source = Path(folder) / "sound"
            await asyncio.to_thread(source.write_bytes, data)
            rate_hz = self._model.description.sample_rate_hz
            decoded = await decode_file(
                source, Path(folder) / "pcm", sample_rate_hz=rate_hz, limits=self._limits, name=filename
            )
            if decoded.peak == 0.0:
                raise InvalidInput("The file is silent: there is nothing to go on from.", reason="SILENT_TRACK")
            if decoded.duration_s < SOUND_S_MIN:
                message = f"The sound must be at least {SOUND_S_MIN:g} s long, not {decoded.duration_s:.2f} s."
                raise InvalidInput(message, reason="TOO_SHORT")
            codes = await asyncio.to_thread(self._encode, decoded)
        length_s = codes.shape[1] / self._model.description.frame_rate_hz
        description = generate_pb2.ContinuedSound(sha256=sha256_hex(data), filename=filename, new_start_s=length_s)
        return OriginSound(codes=codes, description=description, notices=_describe(decoded, length_s))

    def _encode(self, decoded: DecodedFile) -> Codes:
        """The tokens of the last whole frames, at most SOUND_S_MAX seconds of them."""
        hop = self._model.description.hop_samples
        frame_count = min(decoded.sample_count, round(SOUND_S_MAX * decoded.sample_rate_hz)) // hop
        samples = decoded.samples()[decoded.sample_count - frame_count * hop :].copy()
        codes = self._model.codec.encode(torch.from_numpy(samples))[:, :frame_count]
        return np.asarray(codes.cpu().numpy(), dtype=np.int64)


def _describe(decoded: DecodedFile, length_s: float) -> tuple[str, ...]:
    parts = [decoded.notice] if decoded.notice else []
    if decoded.duration_s > SOUND_S_MAX:
        parts.append(
            f"the sound is {decoded.duration_s:.1f} s long; the take goes on from its last {SOUND_S_MAX:g} s, which are its beginning"
        )
    return (*parts, f"the new part begins at {length_s:g} s")
