"""Request messages from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resonance.errors import invalid_field
from resonance.ids import new_request_id
from resonance.steering.taste_mix import add_taste_path, to_taste_weights
from resonance.v1 import extract_pb2, generate_pb2, steering_pb2, video_pb2


def build_request(
    prompt: str,
    *,
    duration_s: float = 10.0,
    taste_id: str = "",
    taste_strength: float = 1.0,
    taste_in_words: bool = False,
    taste_gains: Mapping[int, float] | None = None,
    sliders: Mapping[str, float] | None = None,
    tastes: Mapping[str, float] | None = None,
    tastes_then: Mapping[str, float] | None = None,
    tempi_bpm: Sequence[float] = (),
    concepts: Mapping[str, float] | None = None,
    concept_gains: Mapping[int, float] | None = None,
    concept_positions: Mapping[str, float] | None = None,
    seed: int | None = None,
    chunk_s: float | None = None,
    request_id: str = "",
    origin: str = "",
    start_s: float | None = None,
    end_s: float | None = None,
    melody: bytes = b"",
    origin_sound: generate_pb2.OriginSound | None = None,
    unclamped: bool = False,
    bpm: float | None = None,
    key: str = "",
    negative_prompt: str = "",
    loop: bool = False,
    backend: str = "",
) -> generate_pb2.GenerateRequest:
    """GenerateRequest from plain values. For fields that are missing here, build the message itself. `loop` makes a seamless loop,
    `backend` names what makes the take.

    `tastes` are strengths by taste id, negative ones steer away; `parse_taste_mix` reads them from `A + 0.5 B - C`. `tastes_then` is the
    mix at the end: the music goes there bar by bar, in the nearest of `tempi_bpm`, which the model plays. Gains multiply a strength at
    single layers. `concept_positions` are concepts at positions from -1 to 1, as sliders'. `origin` is a finished take to continue: new
    music begins at `start_s` (None: at its end) and ends at `end_s` (None: with the take). `origin_sound` is a sound file to continue
    instead. `melody` is a sound file of at most 30 s, which melody models follow. With `unclamped` the strengths of taste and concepts
    are not held to their safe ranges; without, `notices` of the answer say where one was. `bpm` and `key` (such as `F# minor`) are asked
    of the model, as far as it obeys them; the music is steered away from `negative_prompt`.
    """
    recipe = steering_pb2.Recipe(
        prompts=[steering_pb2.WeightedPrompt(text=prompt)], bpm=bpm, key=key, negative_prompt=negative_prompt
    )
    if taste_id:
        recipe.tastes.add(
            taste_id=taste_id,
            strength=taste_strength,
            in_words=taste_in_words,
            layer_gains=dict(taste_gains or {}),
            unclamped=unclamped,
        )
    recipe.tastes.extend(to_taste_weights(tastes or {}))
    for name, strength in (concepts or {}).items():
        recipe.concepts.add(name=name, strength=strength, layer_gains=dict(concept_gains or {}), unclamped=unclamped)
    for name, position in (concept_positions or {}).items():
        recipe.concepts.add(name=name, position=position)
    recipe.sliders.CopyFrom(steering_pb2.Sliders(**dict(sliders or {})))
    request = generate_pb2.GenerateRequest(
        request_id=request_id or new_request_id(),
        recipe=recipe,
        duration_s=duration_s,
        seed=seed,
        chunk_s=chunk_s,
        loop=loop,
        backend=backend,
    )
    if tastes_then:
        add_taste_path(request, to_taste_weights(tastes_then), tempi_bpm=tempi_bpm)
    if origin:
        request.origin.CopyFrom(generate_pb2.Origin(request_id=origin, start_s=start_s, end_s=end_s))
    if origin_sound is not None:
        request.origin_sound.CopyFrom(origin_sound)
    if melody:
        request.melody.wav = melody
    return request


def follow_picture(request: generate_pb2.GenerateRequest, curves: video_pb2.GetPictureCurvesResponse) -> None:
    """Makes a request's take follow a picture: its sliders `energy` and `instrument_density` move with the picture's curves.

    Steps beyond the take's end are left out; all other sliders stay as they are.
    """
    for step in curves.steps:
        if step.start_s >= request.duration_s:
            break
        recipe = request.recipe
        if step.start_s > 0:
            scheduled = request.recipe_changes.add(start_s=step.start_s, recipe=request.recipe)
            recipe = scheduled.recipe
        recipe.sliders.energy, recipe.sliders.instrument_density = step.energy, step.density


def build_refine_request(
    text: str,
    sliders: Mapping[str, float] | None = None,
    *,
    previous: Mapping[str, float] | None = None,
    concepts: Mapping[str, float] | None = None,
    previous_concepts: Mapping[str, float] | None = None,
    prompt: str = "",
) -> extract_pb2.RefineRequest:
    """RefineRequest from plain values.

    `concepts` are the positions of concepts in use. `previous` and `previous_concepts` are what "undo" restores. `prompt` is the prompt in
    hand, with which a new phrase is read.
    """
    request = extract_pb2.RefineRequest(
        text=text,
        sliders=steering_pb2.Sliders(**dict(sliders or {})),
        concepts=[steering_pb2.ConceptPosition(name=name, position=at) for name, at in (concepts or {}).items()],
        previous_concepts=[
            steering_pb2.ConceptPosition(name=name, position=at) for name, at in (previous_concepts or {}).items()
        ],
        prompt=prompt,
    )
    if previous is not None:
        request.previous.CopyFrom(steering_pb2.Sliders(**dict(previous)))
    return request


def build_taste_options(
    *,
    mix_mode: str = "",
    ranges: Sequence[tuple[int, float, float]] = (),
    temperature: float | None = None,
    direction: str = "",
    whitening: str = "",
    stars: Sequence[int] = (),
) -> steering_pb2.TasteOptions:
    """TasteOptions from plain values; arguments that are left out mean the service's defaults.

    `mix_mode` is `mean`, `time_select` or `attention_weighted`; `ranges` (track counted from 0, start and end in seconds) alone mean
    `time_select`. `direction` is `contrast`, `mean` or `words`, `whitening` `none`, `diagonal` or `shrunk`; `stars` are from 1 to 5 in the
    playlist's order, 0 where a track is not rated.

    Raises:
        InvalidInput: a word is none of these.
    """
    options = steering_pb2.TasteOptions(attention_temperature=temperature, stars=stars)
    if mode := mix_mode or ("time_select" if ranges else ""):
        options.mix_mode = _enum_number("mix_mode", steering_pb2.MixMode, mode)
    if direction:
        options.direction_kind = _enum_number("direction_kind", steering_pb2.DirectionKind, direction)
    if whitening:
        options.whitening = _enum_number("whitening", steering_pb2.Whitening, whitening)
    for track_index, start_s, end_s in ranges:
        options.ranges.add(track_index=track_index, start_s=start_s, end_s=end_s)
    return options


def _enum_number(field: str, kind: Any, word: str) -> Any:
    names = {name.removeprefix(kind.Name(0).removesuffix("UNSPECIFIED")).lower(): name for name in kind.keys()[1:]}
    if word not in names:
        raise invalid_field(f"options.{field}", "UNKNOWN_VALUE", f"{word} is none of {', '.join(names)}")
    return kind.Value(names[word])
