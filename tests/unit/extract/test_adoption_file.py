"""File of an adoption: carried to another installation whole, refused where it is damaged, foreign or newer."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from support.prepared import put_slider

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, PermissionDenied, ResonanceError, Unsupported
from resonance.identity import acting_as
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import MemoryStore
from resonance.store.keys import calibration_job_key, concept_key, reference_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.adoption.package import FORMAT, Shape, collect, read_package, write_package
from resonance_extract.adoption.transfer import check_operator
from resonance_extract.calibration.job_document import CalibrationJobDocument
from resonance_model.loaded_model import LoadedModel


@pytest.fixture
async def objects(tiny: LoadedModel, computed: dict[str, bytes]) -> dict[str, bytes]:
    """The objects of a model that was made ready, collected from a store with other things in it."""
    store, digest = MemoryStore(), tiny.description.digest
    for seed, name in enumerate(SLIDER_NAMES):
        await put_slider(store, tiny, name, seed)
    for key, data in computed.items():  # a reference, and a concept of a user
        await store.put(key, data)
    for number, (concept, state) in enumerate([("energy", 2), ("tempo", 1), ("rush", 2)]):
        job = extract_pb2.CalibrationJob(calibration_job_id=f"s-{number:024x}", concept=concept, state=state)  # type: ignore[arg-type]
        document = CalibrationJobDocument(calibration_job=job, request=extract_pb2.StartCalibrationJobRequest())
        await store.put(calibration_job_key(job.calibration_job_id), document.to_bytes())
    return await collect(store, model_digest=digest)


@pytest.fixture
def shape(tiny: LoadedModel) -> Shape:
    return Shape(layer_count=tiny.config.layer_count, hidden_size=tiny.config.hidden_size)


@pytest.fixture
async def file(objects: dict[str, bytes], tiny: LoadedModel) -> bytes:
    return write_package(objects, model_digest=tiny.description.digest, model_id="tiny")


async def test_the_file_holds_the_sliders_their_vectors_the_reference_and_finished_jobs(
    objects: dict[str, bytes], tiny: LoadedModel
) -> None:
    digest = tiny.description.digest
    assert {concept_key(digest, name) for name in SLIDER_NAMES} <= objects.keys()
    assert reference_key(reference_digest(digest)) in objects
    assert sum(key.startswith("vectors/") for key in objects) == len(SLIDER_NAMES)
    assert [key for key in objects if key.startswith("calibration_jobs/")] == [calibration_job_key("s-" + "0" * 24)]
    assert concept_key(digest, "rush") not in objects, "a user's concept stays at home"


async def test_a_file_is_read_back_whole_and_the_same_objects_make_the_same_bytes(
    file: bytes, objects: dict[str, bytes], tiny: LoadedModel, shape: Shape
) -> None:
    found = read_package(file, model_digest=tiny.description.digest, shape=shape)
    assert found == objects
    kinds = [key.endswith(".safetensors") for key in found]
    assert kinds == sorted(kinds, reverse=True), "what documents name is stored before them"
    assert write_package(objects, model_digest=tiny.description.digest, model_id="tiny") == file


async def test_another_models_file_is_refused(file: bytes, shape: Shape) -> None:
    with pytest.raises(FailedPrecondition) as refusal:
        read_package(file, model_digest="f" * 64, shape=shape)
    assert refusal.value.reason == "MODEL_MISMATCH"
    assert "ffffffffffff" in refusal.value.message


async def test_a_newer_format_is_refused_with_both_numbers(file: bytes, tiny: LoadedModel, shape: Shape) -> None:
    with pytest.raises(Unsupported) as refusal:
        read_package(changed(file, format=FORMAT + 1), model_digest=tiny.description.digest, shape=shape)
    assert refusal.value.reason == "NEWER_FORMAT"
    assert f"format {FORMAT + 1}" in refusal.value.message


async def test_no_flipped_or_missing_byte_is_taken_in(file: bytes, tiny: LoadedModel, shape: Shape) -> None:
    digest, whole = tiny.description.digest, read_package(file, model_digest=tiny.description.digest, shape=shape)
    for place in range(4, len(file), len(file) // 60):
        damaged = bytearray(file)
        damaged[place] ^= 0x55
        try:
            assert read_package(bytes(damaged), model_digest=digest, shape=shape) == whole, place
        except ResonanceError as refusal:
            assert isinstance(refusal, DataLoss | InvalidInput | FailedPrecondition | Unsupported), place
    for size in (10, len(file) // 2, len(file) - 1):
        with pytest.raises(DataLoss) as loss:
            read_package(file[:size], model_digest=digest, shape=shape)
        assert loss.value.reason == "ADOPTION_DAMAGED"


async def test_other_files_are_refused(tiny: LoadedModel, shape: Shape) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "hello")
    for data in (b"", b"RIFF....WAVE", other.getvalue()):
        with pytest.raises(ResonanceError) as refusal:
            read_package(data, model_digest=tiny.description.digest, shape=shape)
        assert refusal.value.reason in {"NOT_AN_ADOPTION", "ADOPTION_DAMAGED"}


@pytest.mark.parametrize(
    "key", ["api-keys/0123456789ab", "takes/r-1.json", "concepts/0000000000000000/energy.json", "vectors/../x"]
)
async def test_a_file_cannot_write_anything_else(
    objects: dict[str, bytes], key: str, tiny: LoadedModel, shape: Shape
) -> None:
    digest = tiny.description.digest
    data = write_package(objects | {key: b"{}"}, model_digest=digest, model_id="tiny")
    with pytest.raises(DataLoss):
        read_package(data, model_digest=digest, shape=shape)


async def test_a_vector_of_another_shape_and_a_document_without_its_vector_are_refused(
    objects: dict[str, bytes], tiny: LoadedModel, shape: Shape
) -> None:
    digest = tiny.description.digest
    wrong = Shape(layer_count=shape.layer_count + 1, hidden_size=shape.hidden_size)
    whole = write_package(objects, model_digest=digest, model_id="tiny")
    with pytest.raises(DataLoss):
        read_package(whole, model_digest=digest, shape=wrong)
    lacking = {key: data for key, data in objects.items() if not key.startswith("vectors/")}
    partial = write_package(lacking, model_digest=digest, model_id="tiny")
    with pytest.raises(DataLoss):
        read_package(partial, model_digest=digest, shape=shape)


def test_only_the_operator_makes_models_ready() -> None:
    check_operator()
    with acting_as("u-ada"), pytest.raises(PermissionDenied) as refusal:
        check_operator()
    assert refusal.value.reason == "OPERATORS_ONLY"


def changed(file: bytes, **fields: object) -> bytes:
    """The file with other fields in its manifest."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "adoption.json":
                data = json.dumps(json.loads(data) | fields).encode()
            after.writestr(name, data)
    return out.getvalue()
