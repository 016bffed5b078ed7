"""Protobuf messages as plain JSON values, and the JSON Schema of those values: one walk over the descriptor each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from resonance.rpc.validation import is_map, is_repeated

_TIMESTAMP = "google.protobuf.Timestamp"
_TYPES = {
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
    FieldDescriptor.CPPTYPE_FLOAT: "number",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_INT64: "integer",
    FieldDescriptor.CPPTYPE_STRING: "string",
}


def to_json(message: Message) -> dict[str, Any]:
    """Every field under its proto name; enums as lower-case words, times as RFC 3339, absent fields as null."""
    fields = cast("list[FieldDescriptor]", message.DESCRIPTOR.fields)
    return {field.name: _member(message, field) for field in fields}


def to_json_schema(descriptor: Descriptor) -> dict[str, Any]:
    """The JSON Schema of what `to_json` makes of such a message."""
    if descriptor.full_name == _TIMESTAMP:
        return {"type": ["string", "null"], "format": "date-time"}
    return {
        "type": "object",
        "properties": {field.name: _member_schema(field) for field in descriptor.fields},
        "required": [field.name for field in descriptor.fields],
    }


def enum_word(kind: EnumDescriptor, number: int) -> str | None:
    """`JOB_STATE_QUEUED` as `queued`; the unspecified value as None."""
    value = kind.values_by_number.get(number)
    if number == 0 or value is None:
        return None
    return str(value.name.removeprefix(_prefix_of(kind)).lower())


def enum_number(kind: EnumDescriptor, word: str) -> int:
    """The number of `queued` in JobState."""
    return int(kind.values_by_name[_prefix_of(kind) + word.upper()].number)


def _member(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    write = _writer_of(field)
    if is_map(field):
        write = _writer_of(_map_value(field))
        return {str(key): write(value[key]) for key in value}
    if is_repeated(field):
        return [write(item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return write(value)


def _writer_of(field: FieldDescriptor) -> Callable[[Any], Any]:
    message_type, enum_type = field.message_type, field.enum_type
    if message_type is not None:
        return _time if message_type.full_name == _TIMESTAMP else to_json
    if enum_type is not None:
        return lambda number: enum_word(enum_type, number)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: value.hex()
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return lambda value: value if math.isfinite(value) else None
    return lambda value: value


def _time(value: Any) -> str:
    return str(value.ToJsonString())


def _member_schema(field: FieldDescriptor) -> dict[str, Any]:
    if is_map(field):
        return {"type": "object", "additionalProperties": _item_schema(_map_value(field))}
    item = _item_schema(field)
    if is_repeated(field):
        return {"type": "array", "items": item}
    if field.has_presence:
        return _or_null(item)
    return item


def _item_schema(field: FieldDescriptor) -> dict[str, Any]:
    message_type, enum_type = field.message_type, field.enum_type
    if message_type is not None:
        return to_json_schema(message_type)
    if enum_type is not None:
        words = [enum_word(enum_type, value.number) for value in enum_type.values]
        return {"enum": [word for word in words if word] + [None]}
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return {"type": ["number", "null"]}
    return {"type": _TYPES[field.cpp_type]}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return schema | {"type": [kind, "null"]}
    return schema


def _map_value(field: FieldDescriptor) -> FieldDescriptor:
    assert field.message_type is not None
    return field.message_type.fields_by_name["value"]


def _prefix_of(kind: EnumDescriptor) -> str:
    """`JobState` -> `JOB_STATE_`: the prefix that protobuf's style asks of every value."""
    unspecified = kind.values_by_number[0].name
    return str(unspecified.removesuffix("UNSPECIFIED"))
