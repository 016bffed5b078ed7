"""Protos: fresh generated code, clean lint, fitting rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor

from resonance.rpc.validation import read_rules
from resonance.v1 import audio_pb2, extract_pb2, generate_pb2, ingest_pb2, jobs_pb2, rooms_pb2, steering_pb2

ROOT = Path(__file__).resolve().parents[2]
FILES = (audio_pb2, steering_pb2, jobs_pb2, ingest_pb2, extract_pb2, generate_pb2, rooms_pb2)


def test_generated_code_is_what_the_protos_say(tmp_path: Path) -> None:
    sources = sorted(str(path) for path in (ROOT / "protos/resonance/v1").glob("*.proto"))
    outputs = [f"--{kind}={tmp_path}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "protos"), *outputs, *sources], check=True
    )
    fresh = {path.name: path.read_text() for path in (tmp_path / "resonance/v1").iterdir()}
    committed = {name: (ROOT / "common/resonance/v1" / name).read_text() for name in fresh}
    assert fresh == committed, "run `make protos`"


def test_protos_are_lint_clean() -> None:
    buf = Path(sys.executable).with_name("buf")
    done = subprocess.run([buf, "lint", str(ROOT / "protos")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def fields() -> list[FieldDescriptor]:
    messages = [message for file in FILES for message in file.DESCRIPTOR.message_types_by_name.values()]
    return [field for message in messages for field in message.fields]


@pytest.mark.parametrize("field", fields(), ids=lambda field: field.full_name)
def test_rules_fit_the_field_they_stand_on(field: FieldDescriptor) -> None:
    rules = read_rules(field)
    is_text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING
    is_bytes = field.type == FieldDescriptor.TYPE_BYTES
    if rules.HasField("pattern"):
        assert is_text
    if rules.HasField("max_length"):
        assert is_text or is_bytes
    if rules.HasField("max_items"):
        assert field.is_repeated
    if rules.HasField("min") and rules.HasField("max"):
        assert rules.min < rules.max


@pytest.mark.parametrize(
    "request_type",
    [
        message
        for file in FILES
        for message in file.DESCRIPTOR.message_types_by_name.values()
        if message.name.endswith("Request")
    ],
    ids=lambda message: message.name,
)
def test_every_text_of_a_request_has_a_limit(request_type: object) -> None:
    texts = [field for field in request_type.fields if field.cpp_type == FieldDescriptor.CPPTYPE_STRING]  # type: ignore[attr-defined]
    assert all(read_rules(field).HasField("max_length") for field in texts), [field.full_name for field in texts]
