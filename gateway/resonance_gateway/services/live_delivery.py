"""Levelled and watermarked chunks of a live performance.

The master holds a few hundredths of a second back. Its samples are handed out in chunks that end where a recipe ends, so that each
chunk still names the recipe that made it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.master import LiveMaster
from resonance.audio.delivery.tags import Provenance
from resonance.v1 import audio_pb2, generate_pb2

Live = generate_pb2.PerformResponse


async def delivered(responses: AsyncGenerator[Live, None], delivery: Delivery) -> AsyncGenerator[Live, None]:
    """The messages of a performance with the samples as they leave. Offsets count the samples that leave, which are as many as came."""
    chunks: _Chunks | None = None
    async with aclosing(responses):
        async for response in responses:
            kind = response.WhichOneof("event")
            if kind == "started":
                chunks = _Chunks(response.started, delivery)
                yield response
            elif kind == "chunk" and chunks is not None:
                for chunk in await asyncio.to_thread(chunks.push, response.chunk):
                    yield Live(chunk=chunk)
            elif kind == "finished" and chunks is not None:
                for chunk in await asyncio.to_thread(chunks.finish):
                    yield Live(chunk=chunk)
                yield Live(finished=chunks.end)
            else:
                yield response


class _Chunks:
    def __init__(self, started: generate_pb2.GenerationStarted, delivery: Delivery) -> None:
        self._frame_bytes = 2 * max(1, started.format.channel_count)
        self._master: LiveMaster = delivery.live_samples(
            Provenance.of(started, is_live=True),
            Choice(),
            sample_rate_hz=started.format.sample_rate_hz,
            channel_count=max(1, started.format.channel_count),
        )
        self._sequence = self._position = 0
        self._digest = hashlib.sha256()
        self._headroom_s = 0.0
        self._due: deque[list[Any]] = deque()  # recipe id and samples that are still to leave under it

    def push(self, chunk: audio_pb2.AudioChunk) -> list[audio_pb2.AudioChunk]:
        self._headroom_s = chunk.headroom_s
        if self._due and self._due[-1][0] == chunk.recipe_id:
            self._due[-1][1] += chunk.sample_count
        else:
            self._due.append([chunk.recipe_id, chunk.sample_count])
        return self._split(self._master.push(chunk.data))

    def finish(self) -> list[audio_pb2.AudioChunk]:
        return self._split(self._master.finish())

    @property
    def end(self) -> audio_pb2.StreamEnd:
        """The end mark of the samples that left."""
        return audio_pb2.StreamEnd(sample_count_total=self._position, sha256=self._digest.digest())

    def _split(self, pcm: bytes) -> list[audio_pb2.AudioChunk]:
        made = []
        while pcm:
            recipe_id, left = self._due[0]
            count = min(left, len(pcm) // self._frame_bytes)
            self._due[0][1] -= count
            if not self._due[0][1]:
                self._due.popleft()
            data, pcm = pcm[: count * self._frame_bytes], pcm[count * self._frame_bytes :]
            made.append(
                audio_pb2.AudioChunk(
                    sequence=self._sequence,
                    sample_offset=self._position,
                    sample_count=count,
                    data=data,
                    recipe_id=recipe_id,
                    headroom_s=self._headroom_s,
                )
            )
            self._digest.update(data)
            self._sequence += 1
            self._position += count
        return made
