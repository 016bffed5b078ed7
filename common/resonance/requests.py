"""Requests from plain values."""

from __future__ import annotations

from collections.abc import Mapping

from resonance.ids import new_request_id
from resonance.v1 import generate_pb2, steering_pb2


def request_of(
    prompt: str,
    *,
    duration_s: float = 10.0,
    taste_id: str = "",
    taste_strength: float = 1.0,
    taste_in_words: bool = False,
    taste_gains: Mapping[int, float] | None = None,
    sliders: Mapping[str, float] | None = None,
    concepts: Mapping[str, float] | None = None,
    concept_gains: Mapping[int, float] | None = None,
    seed: int | None = None,
    chunk_s: float | None = None,
    request_id: str = "",
    origin: str = "",
    start_s: float | None = None,
    end_s: float | None = None,
    melody: bytes = b"",
    unclamped: bool = False,
) -> generate_pb2.GenerateRequest:
    """A GenerateRequest from plain values; gains multiply a strength at single layers. Build the message yourself for anything that is
    not here.

    `origin` is a finished take to go on from: new music begins at `start_s` (None: at its end) and ends at `end_s` (None: with the take).
    `melody` is a sound file of at most 30 s whose tune melody models follow. `unclamped` takes the strengths of the taste and the concepts
    as they are; otherwise they are held to their safe ranges, and the answer's `notices` say so.
    """
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=prompt)])
    if taste_id:
        recipe.tastes.add(
            taste_id=taste_id,
            strength=taste_strength,
            in_words=taste_in_words,
            layer_gains=dict(taste_gains or {}),
            unclamped=unclamped,
        )
    for name, strength in (concepts or {}).items():
        recipe.concepts.add(name=name, strength=strength, layer_gains=dict(concept_gains or {}), unclamped=unclamped)
    recipe.sliders.CopyFrom(steering_pb2.Sliders(**dict(sliders or {})))
    request = generate_pb2.GenerateRequest(
        request_id=request_id or new_request_id(), recipe=recipe, duration_s=duration_s, seed=seed, chunk_s=chunk_s
    )
    if origin:
        request.origin.CopyFrom(generate_pb2.Origin(request_id=origin, start_s=start_s, end_s=end_s))
    if melody:
        request.melody.wav = melody
    return request
