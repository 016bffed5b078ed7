"""File of an adoption: stored objects of one model in a ZIP archive.

`adoption.json` names the format, the model and the SHA-256 of every object; the objects lie beside it under their keys.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict, ValidationError

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, NotFound, Unsupported
from resonance.ids import sha256_hex
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import ObjectStore
from resonance.store.keys import calibration_job_key, concept_key, given_reference_key, reference_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.calibration.job_document import CalibrationJobDocument
from resonance_extract.directions.statistics import ReferenceStatistics

FORMAT = 1
FILE_BYTES_MAX = 256 * 1024 * 1024
OBJECTS_MAX = 200
_MANIFEST = "adoption.json"
_COMPLETED = extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
_DATE = (2026, 1, 1, 0, 0, 0)  # of every entry, so that the same objects make the same file


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, protected_namespaces=())

    format: int
    model_digest: str
    model_id: str
    objects: dict[str, str]  # SHA-256 by key


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape of a model's states, which every object of its adoption has."""

    layer_count: int
    hidden_size: int


async def collect(store: ObjectStore, *, model_digest: str) -> dict[str, bytes]:
    """The objects of a model's adoption by key: the references, the sliders with their vectors, and the sliders' finished jobs."""
    found: dict[str, bytes] = {}
    keys = [reference_key(reference_digest(model_digest)), given_reference_key(model_digest)]
    for key in [*keys, *(concept_key(model_digest, name) for name in SLIDER_NAMES)]:
        with suppress(NotFound):
            found[key] = (await store.get(key)).data
    for key in list(found):
        if named := _named_object(key, found[key]):
            found[named] = (await store.get(named)).data
    async for key, data in _finished_jobs(store, model_digest):
        found[key] = data
    return found


async def _finished_jobs(store: ObjectStore, model_digest: str) -> AsyncIterator[tuple[str, bytes]]:
    """Jobs of this model's sliders. A job of another model names another vector, so that its renderings are never used."""
    async for key in store.keys(calibration_job_key("s-").removesuffix(".json")):
        with suppress(NotFound, DataLoss):
            data = (await store.get(key)).data
            job = CalibrationJobDocument.from_bytes(data).calibration_job
            if job.concept in SLIDER_NAMES and job.state == _COMPLETED:
                yield key, data


def write_package(objects: Mapping[str, bytes], *, model_digest: str, model_id: str) -> bytes:
    """The file. The same objects give the same bytes."""
    manifest = _Manifest(
        format=FORMAT,
        model_digest=model_digest,
        model_id=model_id,
        objects={key: sha256_hex(data) for key, data in sorted(objects.items())},
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _DATE), manifest.model_dump_json(indent=1), zipfile.ZIP_DEFLATED)
        for key, data in sorted(objects.items()):
            archive.writestr(zipfile.ZipInfo(key, _DATE), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def read_package(data: bytes, *, model_digest: str, shape: Shape) -> dict[str, bytes]:
    """The objects of a file by key, those first that others name.

    Raises:
        InvalidInput: it is no such file.
        Unsupported: a newer version of Resonance wrote it.
        FailedPrecondition: it belongs to another model.
        DataLoss: it is damaged.
    """
    if not data.startswith(b"PK"):
        raise InvalidInput("this is no file of `resonance adopt --export`", reason="NOT_AN_ADOPTION")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = _read_manifest(archive, model_digest)
            objects = {key: _read_object(archive, key, sha256) for key, sha256 in manifest.objects.items()}
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, NotImplementedError, RuntimeError) as failure:
        raise _damaged(str(failure)) from failure
    except Exception as failure:
        if type(failure).__module__ == "zlib":
            raise _damaged(str(failure)) from failure
        raise
    for key, content in objects.items():
        _check(key, content, objects, model_digest, shape)
    return dict(sorted(objects.items(), key=lambda item: not item[0].endswith(".safetensors")))


def _read_manifest(archive: zipfile.ZipFile, model_digest: str) -> _Manifest:
    if sum(entry.file_size for entry in archive.infolist()) > FILE_BYTES_MAX or len(archive.infolist()) > OBJECTS_MAX:
        raise InvalidInput("this file is larger than an adoption can be", reason="NOT_AN_ADOPTION")
    try:
        values: Any = json.loads(archive.read(_MANIFEST))
        version = int(values["format"])
    except (ValueError, TypeError, KeyError) as failure:
        raise InvalidInput("this archive has no adoption.json of Resonance", reason="NOT_AN_ADOPTION") from failure
    if version > FORMAT:
        message = (
            f"this file has format {version}, and this version of Resonance reads up to {FORMAT}: install a newer one"
        )
        raise Unsupported(message, reason="NEWER_FORMAT")
    try:
        manifest = _Manifest.model_validate(values)
    except ValidationError as failure:
        raise _damaged("adoption.json lacks fields") from failure
    if manifest.model_digest != model_digest:
        message = (
            f"this file was made for {manifest.model_id}, digest {manifest.model_digest[:12]}; this service runs digest "
            f"{model_digest[:12]}: export it from an installation with the same model"
        )
        raise FailedPrecondition(message, reason="MODEL_MISMATCH")
    return manifest


def _read_object(archive: zipfile.ZipFile, key: str, sha256: str) -> bytes:
    data = archive.read(key)
    if sha256_hex(data) != sha256:
        raise _damaged(f"{key} has another digest than adoption.json says")
    return data


def _check(key: str, data: bytes, objects: Mapping[str, bytes], model_digest: str, shape: Shape) -> None:
    """Raises DataLoss where an object is not what its key says, for this model, or names an object that the file lacks."""
    try:
        if key.startswith("vectors/") and re.fullmatch(r"vectors/[0-9a-z_-]+\.safetensors", key):
            direction = Direction.from_bytes(data)
            is_right = direction.model_digest == model_digest and _fits(direction.per_layer, shape)
        elif re.fullmatch(r"reference/[0-9a-f]{64}\.safetensors", key):
            statistics = ReferenceStatistics.from_bytes(data)
            is_right = all(_fits(array, shape) for array in (statistics.mean, statistics.variance, statistics.pieces))
        elif re.fullmatch(r"calibration_jobs/s-[0-9a-f]{24}\.json", key):
            job = CalibrationJobDocument.from_bytes(data).calibration_job
            is_right = job.concept in SLIDER_NAMES and job.state == _COMPLETED
        elif key == given_reference_key(model_digest):
            is_right = _named_object(key, data) in objects
        else:
            name = next((one for one in SLIDER_NAMES if key == concept_key(model_digest, one)), None)
            concept = json_format.Parse(data, extract_pb2.Concept())
            is_right = concept.name == name and concept.model_digest == model_digest and concept.vector_key in objects
            is_right = is_right and sha256_hex(objects[concept.vector_key]) == concept.vector_sha256
    except (json_format.ParseError, ValueError, KeyError, TypeError, DataLoss) as failure:
        raise _damaged(f"{key} cannot be read") from failure
    if not is_right:
        raise _damaged(f"{key} is not an object of this model's adoption")


def _fits(array: np.ndarray[Any, Any], shape: Shape) -> bool:
    return array.shape[-2:] == (shape.layer_count, shape.hidden_size) and bool(np.isfinite(array).all())


def _named_object(key: str, data: bytes) -> str:
    """The object that a document names: a concept's vector, a given reference's statistics."""
    if key.startswith("concepts/"):
        return json_format.Parse(data, extract_pb2.Concept()).vector_key
    if key.startswith("given-references/"):
        return json_format.Parse(data, extract_pb2.ReferenceSummary()).object_key
    return ""


def _damaged(what: str) -> DataLoss:
    return DataLoss(f"this file is damaged ({what}): export it again", reason="ADOPTION_DAMAGED")
