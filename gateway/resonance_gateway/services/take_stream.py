"""HTTP stream of a take: description, then verified 16-bit PCM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonance.audio.delivery.tags import Provenance
from resonance.audio.wav import pcm16
from resonance.client.resumed_take import read_resumed
from resonance.client.take_reader import TakeReader
from resonance.errors import Unavailable
from resonance.v1 import audio_pb2, generate_pb2
from resonance_gateway.schema.proto_json import to_json

Events = AsyncGenerator[generate_pb2.GenerateResponse, None]


class TakeCutError(Exception):
    """A stream that ended before its end mark. The HTTP body stays short; the gateway pads nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOpening:
    """Description of a take before its first sample. Samples are counted per channel."""

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
    provenance: Provenance
    audio_sha256: str = ""  # of a finished take's stored WAV file

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.sample_count_total / self.sample_rate_hz


class TakeStream:
    """One open take, of which the opening and the first chunk have been received, or its place while it waits for a slot.

    `pcm` holds the last chunk back until the end mark has confirmed count and SHA-256, so that a complete HTTP body is a verified
    one. A caller that does not iterate `pcm` to its end must call `close`. A replica that is killed or restarted in the middle is replaced
    by another one at the sample that was reached, so that the listener hears nothing of it.
    """

    def __init__(
        self,
        *,
        started: generate_pb2.GenerationStarted,
        first: generate_pb2.GenerateResponse,
        rest: Events,
        reopen: Callable[[int], Events],
        resume_s_max: float,
        sample_offset: int,
    ) -> None:
        """`reopen` begins another call for the same take, from a sample on; `resume_s_max` bounds the time without a new sample."""
        self.opening = _to_opening(started)
        self._started = started
        self.sample_offset = sample_offset
        self._is_begun = False
        self._is_float = started.format.encoding == audio_pb2.SAMPLE_ENCODING_PCM_F32LE
        self._first, self._rest, self._reopen = first, rest, reopen
        self._resume_s_max = resume_s_max
        # The finished take; None until its end mark has come.
        self.take: generate_pb2.Take | None = None
        self.queued = first.queued if first.WhichOneof("event") == "queued" else None

    @property
    def byte_count(self) -> int:
        """The exact number of PCM bytes that `pcm` yields."""
        return (self.opening.sample_count_total - self.sample_offset) * self.opening.channel_count * 2

    async def pcm(self) -> AsyncGenerator[bytes, None]:
        """Interleaved 16-bit little-endian PCM from `sample_offset` on; an empty block at least every few seconds while the take waits.

        Raises:
            TakeCutError: the stream ended without its end mark.
            DataLoss: the end mark does not fit what came.
        """
        held = b""
        async with aclosing(self.events()) as events:
            async for event in events:
                if event.HasField("finished"):
                    yield held
                    return
                data = self._pcm16(event.chunk.data)
                end = event.chunk.sample_offset + event.chunk.sample_count
                if data and end >= self.opening.sample_count_total:
                    held += data
                else:
                    yield data

    async def events(self) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        """The verified messages after the opening: places in the queue, chunks, and the end mark.

        Raises:
            TakeCutError: the stream ended without its end mark.
            DataLoss: the end mark does not fit what came.
        """
        reader = TakeReader(sample_offset=self.sample_offset, started=self._started)
        async with aclosing(read_resumed(self._begin, reader, patience_s=self._resume_s_max)) as events:
            try:
                async for event in events:
                    if event.HasField("finished"):
                        self.take = event.finished.take
                    yield event
            except Unavailable as failure:
                message = f"the take ended at sample {reader.position} of {self.opening.sample_count_total}"
                raise TakeCutError(message) from failure

    async def close(self) -> None:
        """Cancels the call to the generate service."""
        await self._rest.aclose()

    def _begin(self, sample_offset: int) -> Events:
        """The call that was opened, the first time; then others."""
        if self._is_begun:
            self._rest = self._reopen(sample_offset)
            return self._rest
        self._is_begun = True
        return self._opened()

    async def _opened(self) -> Events:
        async with aclosing(self._rest) as rest:
            yield self._first
            async for event in rest:
                yield event

    def _pcm16(self, data: bytes) -> bytes:
        if not self._is_float:
            return data
        samples = np.frombuffer(data, dtype="<f4").reshape(-1, self.opening.channel_count).T
        return pcm16(samples.astype(np.float32))


def _to_opening(started: generate_pb2.GenerationStarted) -> TakeOpening:
    return _describe(started, started.sample_count_total)


def describe_take(take: generate_pb2.Take) -> TakeOpening:
    """The description of a finished take, without reading its samples."""
    return _describe(take, round(take.duration_s * take.format.sample_rate_hz))


def _describe(music: generate_pb2.GenerationStarted | generate_pb2.Take, sample_count_total: int) -> TakeOpening:
    return TakeOpening(
        request_id=music.request_id,
        sample_rate_hz=music.format.sample_rate_hz,
        channel_count=max(1, music.format.channel_count),
        sample_count_total=sample_count_total,
        seed=music.seed,
        recipe_id=music.recipe_id,
        recipe=to_json(music.recipe),
        model=to_json(music.model),
        notices=tuple(music.notices),
        played=tuple(to_json(strength) for strength in music.played),
        provenance=Provenance.of(music),
        audio_sha256=music.audio_sha256,
    )
