"""Message validation by the rules declared in the .proto files.

Every violation names its field path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from resonance.errors import FieldViolation, InvalidInput
from resonance.v1 import rules_pb2

# A FieldDescriptor. protobuf's stubs type its Python and C descriptors differently; all code uses them alike.
Field = Any

_NUMBERS = {
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
_FLOATS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}


def validate(message: Message) -> None:
    """Checks the message and all messages within it.

    Raises:
        InvalidInput: naming every field at fault.
    """
    violations = tuple(_message_faults(message, ""))
    if violations:
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in violations[:5])
        raise InvalidInput(text, violations=violations)


@cache
def read_rules(field: Field) -> rules_pb2.Rules:
    """The rules that the .proto declares for the field; empty where it declares none."""
    return field.GetOptions().Extensions[rules_pb2.rules]


def is_repeated(field: Field) -> bool:
    """True for a repeated field and for a map."""
    return bool(field.is_repeated)


def is_map(field: Field) -> bool:
    """True for a map."""
    return bool(is_repeated(field) and field.message_type is not None and field.message_type.GetOptions().map_entry)


def _message_faults(message: Message, path: str) -> Iterator[FieldViolation]:
    for field in message.DESCRIPTOR.fields:
        name, rules, value = path + field.name, read_rules(field), getattr(message, field.name)
        if is_map(field):
            yield from _count_faults(name, len(value), rules)
            yield from _map_faults(field, name, value, rules)
        elif is_repeated(field):
            yield from _count_faults(name, len(value), rules)
            for index, item in enumerate(value):
                yield from _value_faults(field, f"{name}[{index}]", item, rules)
        elif field.has_presence and not message.HasField(field.name):
            if rules.required:
                yield _fault(name, "REQUIRED", "is required")
        else:
            yield from _value_faults(field, name, value, rules)


def _map_faults(field: Field, name: str, value: Any, rules: rules_pb2.Rules) -> Iterator[FieldViolation]:
    entry = field.message_type.fields_by_name["value"]
    for key in value:
        yield from _value_faults(entry, f"{name}[{key}]", value[key], rules)


def _value_faults(field: Field, name: str, value: Any, rules: rules_pb2.Rules) -> Iterator[FieldViolation]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        yield from _message_faults(value, name + ".")
    elif field.cpp_type in _NUMBERS:
        yield from _number_faults(field, name, value, rules)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        yield from _text_faults(name, value, rules)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        yield from _enum_faults(field, name, value)


def _enum_faults(field: Field, name: str, value: int) -> Iterator[FieldViolation]:
    if value not in field.enum_type.values_by_number:
        yield _fault(name, "UNKNOWN_VALUE", f"{value} is not one of its values")


def _number_faults(field: Field, name: str, value: float, rules: rules_pb2.Rules) -> Iterator[FieldViolation]:
    if field.cpp_type in _FLOATS and not math.isfinite(value):
        yield _fault(name, "NOT_FINITE", "must be a finite number")
    elif rules.HasField("min") and value < rules.min:
        yield _fault(name, "TOO_SMALL", f"must be at least {plain_number(rules.min)}, not {plain_number(value)}")
    elif rules.HasField("max") and value > rules.max:
        yield _fault(name, "TOO_LARGE", f"must be at most {plain_number(rules.max)}, not {plain_number(value)}")


def plain_number(value: Any) -> Any:
    """A float as people write it: whole numbers without a point, so that 2^53 - 1 is not `9.0072e+15`. Other values as they are."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return int(value) if value.is_integer() and abs(value) < 1e16 else f"{value:.10g}"


def _text_faults(name: str, value: str | bytes, rules: rules_pb2.Rules) -> Iterator[FieldViolation]:
    stripped = value.strip() if isinstance(value, str) else value
    if not stripped:
        if rules.required:
            yield _fault(name, "REQUIRED", "must not be empty")
    elif rules.HasField("min_length") and len(value) < rules.min_length:
        yield _fault(name, "TOO_SHORT", f"must have at least {rules.min_length} characters")
    elif rules.HasField("max_length") and len(value) > rules.max_length:
        units = "characters" if isinstance(value, str) else "bytes"
        yield _fault(name, "TOO_LONG", f"must have at most {rules.max_length} {units}, not {len(value)}")
    elif isinstance(value, str) and rules.HasField("pattern") and not re.fullmatch(rules.pattern, value):
        yield _fault(name, "MALFORMED", f"must match {rules.pattern}")


def _count_faults(name: str, count: int, rules: rules_pb2.Rules) -> Iterator[FieldViolation]:
    if count < rules.min_items:
        yield _fault(name, "TOO_FEW", f"must have at least {rules.min_items} item(s)")
    elif rules.HasField("max_items") and count > rules.max_items:
        yield _fault(name, "TOO_MANY", f"must have at most {rules.max_items} items, not {count}")


def _fault(field: str, reason: str, message: str) -> FieldViolation:
    return FieldViolation(field=field, reason=reason, message=message)
