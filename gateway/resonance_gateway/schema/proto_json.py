"""Protobuf messages to and from JSON, and their JSON Schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from google.protobuf import json_format
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

AnyMessage = TypeVar("AnyMessage", bound=Message)


def fill_message(message: AnyMessage, values: Mapping[str, Any]) -> AnyMessage:
    """Sets the fields named in `values` and returns the message. Enums are lower-case words; None leaves a field unset.

    Raises:
        json_format.ParseError: the message has no such field. Bodies are checked before, so this is a bug.
    """
    json_format.ParseDict(_with_enum_numbers(values, cast("Descriptor", message.DESCRIPTOR)), message)
    return message


def to_json(message: Message) -> dict[str, Any]:
    """Every field under its proto name; enums as lower-case words, times as RFC 3339, absent fields as null."""
    fields = cast("list[FieldDescriptor]", message.DESCRIPTOR.fields)
    return {field.name: _member(message, field) for field in fields}


def to_json_schema(descriptor: Descriptor) -> dict[str, Any]:
    """The JSON Schema of `to_json` for such a message."""
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
    return str(value.name.removeprefix(_enum_prefix(kind)).lower())


def enum_number(kind: EnumDescriptor, word: str) -> int:
    """The number of `queued` in JobState."""
    return int(kind.values_by_name[_enum_prefix(kind) + word.upper()].number)


def _with_enum_numbers(values: Mapping[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    """The values with every enum word replaced by its number, also in nested messages."""
    fields = descriptor.fields_by_name
    return {name: _with_number(value, fields[name]) if name in fields else value for name, value in values.items()}


def _with_number(value: Any, field: FieldDescriptor) -> Any:
    if isinstance(value, list):
        return [_with_number(item, field) for item in value]
    if field.enum_type is not None and isinstance(value, str):
        return enum_number(field.enum_type, value)
    if field.message_type is not None and isinstance(value, dict) and not is_map(field):
        return _with_enum_numbers(value, field.message_type)
    return value


def _member(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    write = _find_writer(field)
    if is_map(field):
        write = _find_writer(_map_value_field(field))
        return {str(key): write(value[key]) for key in value}
    if is_repeated(field):
        return [write(item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return write(value)


def _find_writer(field: FieldDescriptor) -> Callable[[Any], Any]:
    message_type, enum_type = field.message_type, field.enum_type
    if message_type is not None:
        return _to_time_text if message_type.full_name == _TIMESTAMP else to_json
    if enum_type is not None:
        return lambda number: enum_word(enum_type, number)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: value.hex()
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return lambda value: value if math.isfinite(value) else None
    return lambda value: value


def _to_time_text(value: Any) -> str:
    return str(value.ToJsonString())


def _member_schema(field: FieldDescriptor) -> dict[str, Any]:
    if is_map(field):
        return {"type": "object", "additionalProperties": _item_schema(_map_value_field(field))}
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


def _map_value_field(field: FieldDescriptor) -> FieldDescriptor:
    assert field.message_type is not None
    return field.message_type.fields_by_name["value"]


def _enum_prefix(kind: EnumDescriptor) -> str:
    """`JobState` -> `JOB_STATE_`: the prefix of every value by protobuf's style."""
    unspecified = kind.values_by_number[0].name
    return str(unspecified.removesuffix("UNSPECIFIED"))
