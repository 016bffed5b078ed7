"""A take on its way: what is known before its first sample, then 16-bit PCM; it ends whole or it breaks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import pcm16
from resonance.errors import DataLoss
from resonance.v1 import audio_pb2, generate_pb2
from resonance_gateway.schema.proto_json import to_json


class TakeCutError(Exception):
    """The stream ended before its end mark. What was sent stays short; nothing is padded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOpening:
    """What a take's listener may know before the first sample. Samples are counted per channel."""

    request_id: str
    sample_rate_hz: int
    channel_count: int
    sample_count_total: int
    seed: int
    recipe_id: str
    recipe: dict[str, Any]
    model: dict[str, Any]
    notices: tuple[str, ...]
    played: tuple[dict[str, Any], ...]
    info: Mapping[str, str]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.sample_count_total / self.sample_rate_hz


class TakeStream:
    """One open take. `opening` and the first chunk are already here; `pcm` yields the rest as it is made.

    The last chunk is held back until the end mark has confirmed count and SHA-256, so that a whole body is a
    verified body. Whoever does not iterate `pcm` to its end closes the stream with `close`.
    """

    def __init__(
        self,
        *,
        started: generate_pb2.GenerationStarted,
        first: generate_pb2.GenerateResponse,
        rest: AsyncGenerator[generate_pb2.GenerateResponse, None],
        sample_offset: int,
    ) -> None:
        self.opening = _opening_of(started)
        self.sample_offset = sample_offset
        self._is_float = started.format.encoding == audio_pb2.SAMPLE_ENCODING_PCM_F32LE
        self._first, self._rest = first, rest

    @property
    def byte_count(self) -> int:
        """The exact number of PCM bytes that `pcm` yields."""
        return (self.opening.sample_count_total - self.sample_offset) * self.opening.channel_count * 2

    async def pcm(self) -> AsyncGenerator[bytes, None]:
        """Interleaved 16-bit little-endian PCM from `sample_offset` on.

        Raises:
            TakeCutError: the stream ended without its end mark.
            DataLoss: the end mark does not fit what came.
        """
        position, held, digest = self.sample_offset, b"", hashlib.sha256()
        async with aclosing(self._events()) as events:
            async for event in events:
                if event.HasField("finished"):
                    self._check(event.finished.end, position, digest.digest())
                    yield held
                    return
                if event.chunk.sample_offset != position:
                    raise DataLoss(f"a chunk came for sample {event.chunk.sample_offset}, not {position}")
                digest.update(event.chunk.data)
                position += event.chunk.sample_count
                data = self._pcm16(event.chunk.data)
                if position >= self.opening.sample_count_total:
                    held += data
                else:
                    yield data
        raise TakeCutError(f"the take ended at sample {position} of {self.opening.sample_count_total}")

    async def close(self) -> None:
        """Stops the take."""
        await self._rest.aclose()

    async def _events(self) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        async with aclosing(self._rest) as rest:
            yield self._first
            async for event in rest:
                yield event

    def _check(self, end: audio_pb2.StreamEnd, position: int, digest: bytes) -> None:
        if not position == end.sample_count_total == self.opening.sample_count_total:
            raise DataLoss(f"{position} samples came, {end.sample_count_total} were promised")
        if self.sample_offset == 0 and end.sha256 and end.sha256 != digest:
            raise DataLoss("the samples are not the ones that were sent")

    def _pcm16(self, data: bytes) -> bytes:
        if not self._is_float:
            return data
        samples = np.frombuffer(data, dtype="<f4").reshape(-1, self.opening.channel_count).T
        return pcm16(samples.astype(np.float32))


def _opening_of(started: generate_pb2.GenerationStarted) -> TakeOpening:
    return TakeOpening(
        request_id=started.request_id,
        sample_rate_hz=started.format.sample_rate_hz,
        channel_count=max(1, started.format.channel_count),
        sample_count_total=started.sample_count_total,
        seed=started.seed,
        recipe_id=started.recipe_id,
        recipe=to_json(started.recipe),
        model=to_json(started.model),
        notices=tuple(started.notices),
        played=tuple(to_json(strength) for strength in started.played),
        info=provenance_texts(started),
    )
