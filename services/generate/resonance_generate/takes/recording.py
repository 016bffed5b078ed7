"""Recording of a performance: its samples and its recipes become a take."""

from __future__ import annotations

import structlog

from resonance.errors import ResonanceError
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.takes.library import TakeLibrary

# The samples are held in memory until the end: ten minutes of 32 kHz mono are 38 MB.
PERFORMANCE_KEPT_S_MAX = 600.0
PERFORMANCE_KEPT_S_MIN = 1.0
_log = structlog.get_logger("recording")


class Recording:
    """What one performance sends, up to PERFORMANCE_KEPT_S_MAX. `save` stores it once."""

    def __init__(self, take: generate_pb2.Take, takes: TakeLibrary, lag_samples: int) -> None:
        """`take` describes the performance at its opening. The codec looks `lag_samples` ahead: a recipe shapes so many samples before
        the first frame that was made under it, and the take's changes begin there."""
        self._take = take
        self._takes = takes
        self._lag_samples = lag_samples
        self._parts: list[bytes] = []
        self._sample_count = 0
        self._is_saved = False
        take.is_performed = True

    def add(self, event: object) -> None:
        """Takes the samples of a chunk, and the recipe of an answer that is no refusal; other events are left alone."""
        if isinstance(event, audio_pb2.AudioChunk):
            self._add_samples(event)
        elif isinstance(event, generate_pb2.RecipeInForce) and not event.HasField("fault"):
            first = max(0, event.sample_offset - self._lag_samples)
            self._take.recipe_changes.add(sample_offset=first, recipe=event.recipe, recipe_id=event.recipe_id)

    async def save(self) -> None:
        """Stores the take. A failure of the store is logged: the music itself has been played."""
        rate_hz = self._take.format.sample_rate_hz
        if self._is_saved or self._sample_count < PERFORMANCE_KEPT_S_MIN * rate_hz:
            return
        self._is_saved = True
        take = self._take
        take.duration_s = self._sample_count / rate_hz
        kept = [change for change in take.recipe_changes if change.sample_offset < self._sample_count]
        del take.recipe_changes[:]
        take.recipe_changes.extend(kept)
        try:
            await self._takes.save(take, self._parts)
        except ResonanceError as failure:
            _log.warning("the performance could not be kept", request_id=take.request_id, reason=failure.reason)

    def _add_samples(self, chunk: audio_pb2.AudioChunk) -> None:
        most = round(PERFORMANCE_KEPT_S_MAX * self._take.format.sample_rate_hz)
        count = min(chunk.sample_count, most - self._sample_count)
        if count <= 0:
            return
        frame_bytes = 2 * max(1, self._take.format.channel_count)
        self._parts.append(chunk.data[: count * frame_bytes])
        self._sample_count += count
