"""Limits of proto fields as pydantic constraints."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from pydantic import Field

from resonance.rpc.validation import read_rules

# These modules register their messages.
from resonance.v1 import extract_pb2, generate_pb2, ingest_pb2, rooms_pb2, shares_pb2, speech_pb2, video_pb2  # noqa: F401
from resonance_gateway.http.bodies import NOT_BLANK

_WHOLE = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}


def rule(path: str, **extra: Any) -> Any:
    """The constraints of one item of `Message.field` in package resonance.v1, to stand in an `Annotated`."""
    field = _find_field(path)
    rules = read_rules(field)
    limits: dict[str, Any] = dict(extra)
    whole = field.cpp_type in _WHOLE
    if rules.HasField("min"):
        limits["ge"] = int(rules.min) if whole else rules.min
    if rules.HasField("max"):
        limits["le"] = int(rules.max) if whole else rules.max
    if field.type == FieldDescriptor.TYPE_BYTES:
        limits["max_length"] = rules.max_length
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        limits |= _text_limits(field)
    return Field(**limits)


def items(path: str, **extra: Any) -> Any:
    """The constraints on how many items the repeated field or map `Message.field` may have."""
    rules = read_rules(_find_field(path))
    limits: dict[str, Any] = {}
    if rules.HasField("min_items"):
        limits["min_length"] = rules.min_items
    if rules.HasField("max_items"):
        limits["max_length"] = rules.max_items
    return Field(**{**limits, **extra})


def length_max(path: str) -> int:
    """The greatest length of the text or of the bytes in `Message.field`."""
    return read_rules(_find_field(path)).max_length


def _text_limits(field: FieldDescriptor) -> dict[str, Any]:
    rules = read_rules(field)
    limits: dict[str, Any] = {}
    if rules.required or rules.HasField("min_length"):
        limits["min_length"] = max(1, rules.min_length)
    if rules.HasField("max_length"):
        limits["max_length"] = rules.max_length
    if rules.HasField("pattern"):
        limits["pattern"] = f"^(?:{rules.pattern})$"
    elif rules.required:
        limits["pattern"] = NOT_BLANK
    return limits


def _find_field(path: str) -> FieldDescriptor:
    return descriptor_pool.Default().FindFieldByName(f"resonance.v1.{path}")
