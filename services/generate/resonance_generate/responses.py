"""GenerateService messages: takes, stream events, live recipes.

A stream goes from `started` to the end mark.
"""

from __future__ import annotations

import hashlib

from resonance.errors import ResonanceError
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.conditions.recipes import ResolvedRecipe
from resonance_model.model_info import to_audio_format

Event = (
    generate_pb2.GenerationStarted
    | audio_pb2.AudioChunk
    | generate_pb2.RecipeInForce
    | generate_pb2.GenerationFinished
    | audio_pb2.StreamEnd
    | generate_pb2.GenerationQueued
    | generate_pb2.GenerationProgress
)


class StreamWriter:
    """The chunks of one stream, numbered from 0, and its end mark over all samples of the take.

    Chunks begin at `sample_offset`. Samples before it are written too, so that the end mark covers them, but make no chunk.
    """

    def __init__(self, audio_format: audio_pb2.AudioFormat, *, sample_offset: int = 0) -> None:
        self._frame_bytes = 2 * audio_format.channel_count
        self._sample_offset = sample_offset
        self._position = 0
        self._sequence = 0
        self._digest = hashlib.sha256()

    def write(self, pcm: bytes, *, recipe_id: str, headroom_s: float = 0.0) -> audio_pb2.AudioChunk | None:
        """The chunk of the next samples, interleaved 16-bit PCM; None where all of them lie before the sample offset."""
        count = len(pcm) // self._frame_bytes
        skipped = min(count, max(0, self._sample_offset - self._position))
        start = self._position + skipped
        self._digest.update(pcm)
        self._position += count
        if skipped == count:
            return None
        self._sequence += 1
        return audio_pb2.AudioChunk(
            sequence=self._sequence - 1,
            sample_offset=start,
            sample_count=count - skipped,
            data=pcm[self._frame_bytes * skipped :],
            recipe_id=recipe_id,
            headroom_s=headroom_s,
        )

    def end(self) -> audio_pb2.StreamEnd:
        """The end mark."""
        return audio_pb2.StreamEnd(sample_count_total=self._position, sha256=self._digest.digest())


def build_take(
    request_id: str, seed: int, resolved: ResolvedRecipe, info: generate_pb2.ModelInfo, *, frame_count: int = 0
) -> generate_pb2.Take:
    """The description of a take that is going to be made, or of a performance, whose length is not known."""
    is_asked = resolved.asked != generate_pb2.AskedMusic()
    return generate_pb2.Take(
        request_id=request_id,
        recipe=resolved.recipe,
        seed=seed,
        format=to_audio_format(info),
        duration_s=frame_count / info.frame_rate_hz,
        model=info,
        recipe_id=resolved.recipe_id,
        notices=resolved.notices,
        played=resolved.played,
        asked=resolved.asked if is_asked else None,
    )


def build_started(take: generate_pb2.Take, *, sample_count_total: int = 0) -> generate_pb2.GenerationStarted:
    """The first message of a stream; without `sample_count_total` that of a performance."""
    return generate_pb2.GenerationStarted(
        request_id=take.request_id,
        format=take.format,
        sample_count_total=sample_count_total,
        seed=take.seed,
        recipe_id=take.recipe_id,
        recipe=take.recipe,
        model=take.model,
        notices=take.notices,
        played=take.played,
        audio_sha256=take.audio_sha256,
        origin_sound=take.origin_sound if take.HasField("origin_sound") else None,
        is_loop=take.HasField("loop"),
        narration=take.narration if take.HasField("narration") else None,
    )


def build_finished(end: audio_pb2.StreamEnd, take: generate_pb2.Take) -> generate_pb2.GenerationFinished:
    """The last message of a take's stream."""
    return generate_pb2.GenerationFinished(end=end, take=take)


def build_recipe_in_force(
    resolved: ResolvedRecipe, *, sample_offset: int, melody_sha256: str
) -> generate_pb2.RecipeInForce:
    """The answer to a control that changed the music."""
    return generate_pb2.RecipeInForce(
        recipe_id=resolved.recipe_id,
        recipe=resolved.recipe,
        sample_offset=sample_offset,
        melody_sha256=melody_sha256,
        notices=resolved.notices,
        played=resolved.played,
    )


def build_refusal(error: ResonanceError) -> generate_pb2.RecipeInForce:
    """The answer to a control that was refused."""
    return generate_pb2.RecipeInForce(fault=f"{error.reason}: {error.message}")


def to_generate_response(event: Event) -> generate_pb2.GenerateResponse:
    """The event on the wire of `Generate`."""
    return generate_pb2.GenerateResponse(**{_FIELDS[type(event)]: event})  # type: ignore[arg-type]


def to_stream_take_response(event: Event) -> generate_pb2.StreamTakeResponse:
    """The event on the wire of `StreamTake`."""
    return generate_pb2.StreamTakeResponse(**{_FIELDS[type(event)]: event})  # type: ignore[arg-type]


def to_perform_response(event: Event) -> generate_pb2.PerformResponse:
    """The event on the wire of `Perform`."""
    return generate_pb2.PerformResponse(**{_FIELDS[type(event)]: event})  # type: ignore[arg-type]


_FIELDS: dict[type[Event], str] = {
    generate_pb2.GenerationStarted: "started",
    audio_pb2.AudioChunk: "chunk",
    generate_pb2.RecipeInForce: "recipe",
    generate_pb2.GenerationFinished: "finished",
    audio_pb2.StreamEnd: "finished",
    generate_pb2.GenerationQueued: "queued",
    generate_pb2.GenerationProgress: "progress",
}
