"""Checked bodies as gRPC requests, and field paths of the gRPC side as the names that REST callers used."""

from __future__ import annotations

import re
from typing import Any

from resonance.errors import FieldViolation, ResonanceError
from resonance.v1 import audio_pb2, extract_pb2, generate_pb2, ingest_pb2, jobs_pb2, steering_pb2
from resonance_gateway.bodies import (
    CalibrationBody,
    ConceptBody,
    ConceptUse,
    ControlBody,
    GenerationBody,
    MusicBody,
    PerformanceBody,
    RecipeBody,
    ReferenceBody,
    RefinementBody,
    SlidersBody,
    TasteBody,
    TasteOptionsBody,
    TasteUse,
    UploadFields,
)
from resonance_gateway.schema.proto_json import enum_number, to_json

_MIX_MODE = steering_pb2.DESCRIPTOR.enum_types_by_name["MixMode"]
_LAYER_MODE = steering_pb2.DESCRIPTOR.enum_types_by_name["LayerMode"]
_COMMAND = generate_pb2.DESCRIPTOR.enum_types_by_name["PlaybackCommand"]
_TARGET = steering_pb2.DESCRIPTOR.enum_types_by_name["SteeringTarget"]
_CALIBRATION_JOB_KIND = extract_pb2.DESCRIPTOR.enum_types_by_name["CalibrationJobKind"]
_STACKING = steering_pb2.DESCRIPTOR.enum_types_by_name["Stacking"]
_RULE = steering_pb2.DESCRIPTOR.enum_types_by_name["SteeringRule"]
_KIND = steering_pb2.DESCRIPTOR.enum_types_by_name["DirectionKind"]
_WHITENING = steering_pb2.DESCRIPTOR.enum_types_by_name["Whitening"]


# What gRPC calls a field of an upload, and what the caller of REST called it.
_REST_NAMES = (
    (r"^tracks\b(?!\.)", "files"),
    (r"^track\.filename$", "files"),
    (r"^upload_ids\b", "uploads"),
    (r"^melody\.wav$", "melody"),
    (r"^byte_count$", "Upload-Length"),
    (r"^(position\.)?offset$", "Upload-Offset"),
)


def submit_request(body: TasteBody, request_id: str) -> ingest_pb2.SubmitPlaylistRequest:
    """A playlist by link."""
    return ingest_pb2.SubmitPlaylistRequest(
        request_id=request_id, url=body.url, title=body.title, options=_options(body.options)
    )


def submit_uploads_request(body: TasteBody, request_id: str) -> ingest_pb2.SubmitUploadsRequest:
    """A playlist of resumable uploads."""
    return ingest_pb2.SubmitUploadsRequest(
        request_id=request_id, upload_ids=body.uploads, title=body.title, options=_options(body.options)
    )


def upload_header(fields: UploadFields, request_id: str) -> ingest_pb2.UploadPlaylistRequest:
    """The first message of an upload."""
    header = ingest_pb2.UploadHeader(request_id=request_id, title=fields.title, options=_options(fields.options))
    header.has_end = True
    return ingest_pb2.UploadPlaylistRequest(header=header)


def upload_track(filename: str) -> ingest_pb2.UploadPlaylistRequest:
    """The opening of one file."""
    return ingest_pb2.UploadPlaylistRequest(track=ingest_pb2.UploadTrack(filename=filename))


def upload_data(data: bytes) -> ingest_pb2.UploadPlaylistRequest:
    """Bytes of the file last opened."""
    return ingest_pb2.UploadPlaylistRequest(data=data)


def upload_end() -> ingest_pb2.UploadPlaylistRequest:
    """The mark behind the last file: an upload without it was cut on the way."""
    return ingest_pb2.UploadPlaylistRequest(end=ingest_pb2.UploadEnd())


def upload_position(upload_id: str, offset: int) -> ingest_pb2.WriteUploadRequest:
    """Where the bytes that follow belong."""
    return ingest_pb2.WriteUploadRequest(position=ingest_pb2.UploadPosition(upload_id=upload_id, offset=offset))


def concept_request(body: ConceptBody) -> extract_pb2.ComputeConceptRequest:
    """A concept from pairs of prompts and of music."""
    return extract_pb2.ComputeConceptRequest(
        name=body.name,
        pairs=[extract_pb2.PromptPair(positive=pair.positive, negative=pair.negative) for pair in body.pairs],
        music_pairs=[
            extract_pb2.MusicPair(positive=_music(pair.positive), negative=_music(pair.negative))
            for pair in body.music_pairs
        ],
    )


def reference_request(body: ReferenceBody) -> extract_pb2.StartCalibrationJobRequest:
    """A reference calibration job."""
    return extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE,
        music=[_music(one) for one in body.music],
        prompts=body.prompts,
        clip_s=body.clip_s,
    )


def _music(body: MusicBody) -> extract_pb2.MusicSource:
    return extract_pb2.MusicSource(taste_id=body.taste_id, track_indices=body.track_indices, take_id=body.take_id)


def calibration_request(name: str, body: CalibrationBody) -> extract_pb2.CalibrateConceptRequest:
    """A calibration."""
    return extract_pb2.CalibrateConceptRequest(
        name=name, strengths=body.strengths, prompts=body.prompts, clip_s=body.clip_s, apply=body.apply
    )


def calibration_job_request(
    body: CalibrationBody, *, kind: str, concept: str, taste_id: str
) -> extract_pb2.StartCalibrationJobRequest:
    """A calibration job of a concept or of a taste."""
    return extract_pb2.StartCalibrationJobRequest(
        kind=enum_number(_CALIBRATION_JOB_KIND, kind),  # type: ignore[arg-type]
        concept=concept,
        taste_id=taste_id,
        strengths=body.strengths,
        prompts=body.prompts,
        clip_s=body.clip_s,
        apply=body.apply,
    )


def refine_request(body: RefinementBody) -> extract_pb2.RefineRequest:
    """Words about the sliders."""
    previous = None if body.previous is None else _sliders(body.previous)
    return extract_pb2.RefineRequest(text=body.text, sliders=_sliders(body.sliders), previous=previous)


def generate_request(body: GenerationBody, request_id: str) -> generate_pb2.GenerateRequest:
    """A take."""
    request = generate_pb2.GenerateRequest(
        request_id=request_id,
        recipe=_recipe(body),
        duration_s=body.duration_s,
        resume_sample_offset=body.resume_sample_offset,
    )
    if body.seed is not None:
        request.seed = body.seed
    if body.is_transient:
        request.is_transient = True
    if body.origin is not None:
        request.origin.request_id = body.origin.request_id
        for name in ("start_s", "end_s"):
            if (value := getattr(body.origin, name)) is not None:
                setattr(request.origin, name, value)
    if body.chunk_s is not None:
        request.chunk_s = body.chunk_s
    if body.melody is not None:
        request.melody.wav = body.melody
    return request


def opening_request(body: PerformanceBody, request_id: str) -> generate_pb2.PerformRequest:
    """The first message of a performance."""
    opening = generate_pb2.PerformOpening(request_id=request_id, recipe=_recipe(body))
    if body.seed is not None:
        opening.seed = body.seed
    if body.chunk_s is not None:
        opening.chunk_s = body.chunk_s
    if body.melody is not None:
        opening.melody.wav = body.melody
    return generate_pb2.PerformRequest(opening=opening)


def control_request(body: ControlBody) -> generate_pb2.PerformRequest:
    """A later message of a performance."""
    control = generate_pb2.PerformControl()
    if body.recipe is not None:
        control.recipe.CopyFrom(_recipe(body.recipe))
    if body.command is not None:
        control.command = enum_number(_COMMAND, body.command)  # type: ignore[assignment]
    if body.melody is not None:
        control.melody.wav = body.melody
    control.without_melody = body.without_melody
    return generate_pb2.PerformRequest(control=control)


def taste_json(job: jobs_pb2.Job) -> dict[str, Any]:
    """A job as the taste that it becomes: REST knows one thing with one id."""
    fields = to_json(job)
    return {"id": fields.pop("job_id"), **fields}


def chunk_json(chunk: audio_pb2.AudioChunk) -> dict[str, Any]:
    """What is said of a chunk beside its samples."""
    return {
        "sequence": chunk.sequence,
        "sample_offset": chunk.sample_offset,
        "sample_count": chunk.sample_count,
        "recipe_id": chunk.recipe_id,
        "headroom_s": chunk.headroom_s,
    }


def to_rest_violations(error: ResonanceError) -> ResonanceError:
    """The error with `recipe.prompts[0].text` told as `prompt`, and so on."""
    error.violations = tuple(
        FieldViolation(field=rest_field(fault.field), reason=fault.reason, message=fault.message)
        for fault in error.violations
    )
    return error


def rest_field(path: str) -> str:
    """The path of a field in the REST body: the first prompt has names of its own there."""
    path = re.sub(r"^(header|opening|control)\.", "", path).removeprefix("recipe.")
    for pattern, name in _REST_NAMES:
        path = re.sub(pattern, name, path)
    path = {"prompts[0].text": "prompt", "prompts[0].weight": "prompt_weight"}.get(path, path)
    return re.sub(r"^prompts\[(\d+)\]", lambda found: f"prompts[{int(found[1]) - 1}]", path)


def _options(body: TasteOptionsBody) -> steering_pb2.TasteOptions:
    options = steering_pb2.TasteOptions(mix_mode=enum_number(_MIX_MODE, body.mix_mode))  # type: ignore[arg-type]
    # Defaults stay unsaid, so that options of before the fields existed keep their digests.
    if body.direction_kind != "contrast":
        options.direction_kind = enum_number(_KIND, body.direction_kind)  # type: ignore[assignment]
    if body.whitening != "none":
        options.whitening = enum_number(_WHITENING, body.whitening)  # type: ignore[assignment]
    for item in body.ranges:
        options.ranges.add(track_index=item.track_index, start_s=item.start_s, end_s=item.end_s)
    if body.attention_temperature is not None:
        options.attention_temperature = body.attention_temperature
    options.stars.extend(body.stars)
    return options


def _recipe(body: RecipeBody) -> steering_pb2.Recipe:
    recipe = steering_pb2.Recipe(
        prompts=[
            steering_pb2.WeightedPrompt(text=body.prompt, weight=body.prompt_weight),
            *(steering_pb2.WeightedPrompt(text=use.text, weight=use.weight) for use in body.prompts),
        ],
        tastes=[_taste_weight(use) for use in listed_tastes(body)],
        concepts=[_concept_weight(use) for use in body.concepts],
        sliders=_sliders(body.sliders),
        steering_target=enum_number(_TARGET, body.steering_target),  # type: ignore[arg-type]
        stacking=enum_number(_STACKING, body.stacking),  # type: ignore[arg-type]
        steering_rule=enum_number(_RULE, body.steering_rule),  # type: ignore[arg-type]
    )
    for name in ("guidance_scale", "temperature", "top_k"):
        if (value := getattr(body, name)) is not None:
            setattr(recipe, name, value)
    return recipe


def _sliders(body: SlidersBody) -> steering_pb2.Sliders:
    return steering_pb2.Sliders(**body.model_dump())


def listed_tastes(body: RecipeBody) -> list[TasteUse]:
    """All tastes of the body; `taste_id`, `taste_strength` and `taste_in_words` are the short form of one, which comes last."""
    if body.taste_id is None:
        return list(body.tastes)
    return [*body.tastes, TasteUse(taste_id=body.taste_id, strength=body.taste_strength, in_words=body.taste_in_words)]


def _taste_weight(use: TasteUse) -> steering_pb2.TasteWeight:
    return steering_pb2.TasteWeight(
        taste_id=use.taste_id,
        strength=use.strength,
        layer_mode=enum_number(_LAYER_MODE, use.layer_mode),  # type: ignore[arg-type]
        layer_gains=use.layer_gains,
        in_words=use.in_words,
        unclamped=use.unclamped,
    )


def _concept_weight(use: ConceptUse) -> steering_pb2.ConceptWeight:
    return steering_pb2.ConceptWeight(
        name=use.name,
        strength=use.strength,
        unclamped=use.unclamped,
        layer_mode=enum_number(_LAYER_MODE, use.layer_mode),  # type: ignore[arg-type]
        layer_gains=use.layer_gains,
    )
