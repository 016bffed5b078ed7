"""JSON bodies checked by pydantic, with all their faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from resonance.errors import FieldViolation, InvalidInput, violation
from resonance.rpc.validation import plain_number

NOT_BLANK = r"\S"  # the pattern of a text that is required


class Body(BaseModel):
    """Base of all bodies: strict types, finite numbers, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class MalformedError(Exception):
    """The body is neither JSON nor multipart that can be read; HTTP 400."""


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], text: bytes) -> Model:
    """Parses and checks a JSON body.

    Raises:
        MalformedError: the text is not JSON.
        InvalidInput: naming every fault.
    """
    text = text or b"{}"
    try:
        body, faults = model.model_validate_json(text), []
    except ValidationError as failure:
        body, faults = None, failure.errors(include_url=False, include_context=True, include_input=False)
    if faults and faults[0]["type"] == "json_invalid":
        raise MalformedError(_sentence(str(faults[0]["msg"])))
    repeated = tuple(_repeated_keys(json.loads(text, object_pairs_hook=_Members, parse_int=str, parse_float=str), ()))
    if body is None or repeated:
        raise _invalid((*repeated, *map(_violation, faults)))
    return body


def check(model: type[Model], values: dict[str, Any]) -> Model:
    """Checks values that are already parsed, such as a query. Raises InvalidInput."""
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        raise invalid(failure.errors(include_url=False, include_input=False)) from None


def invalid(faults: list[ErrorDetails]) -> InvalidInput:
    """InvalidInput from pydantic's errors, with our reasons and sentences."""
    return _invalid(tuple(map(_violation, faults)))


def _invalid(violations: tuple[FieldViolation, ...]) -> InvalidInput:
    detail = "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in violations[:5])
    return InvalidInput(detail, violations=violations)


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeated names included, of which pydantic keeps the last alone."""


def _repeated_keys(value: Any, place: tuple[int | str, ...]) -> Iterator[FieldViolation]:
    if isinstance(value, _Members):
        names = [name for name, _ in value]
        for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
            yield violation(_path((*place, name)), "REPEATED", "must be given once")
        for name, member in value:
            yield from _repeated_keys(member, (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _repeated_keys(item, (*place, number))


# pydantic's error type -> (reason, sentence). The reasons are the ones of resonance.rpc.validation.
_FAULTS: dict[str, tuple[str, str]] = {
    "missing": ("REQUIRED", "is required"),
    "required": ("REQUIRED", "{msg}"),
    "string_empty": ("REQUIRED", "must not be empty"),
    "string_too_short": ("TOO_SHORT", "must have at least {min_length} characters"),
    "string_too_long": ("TOO_LONG", "must have at most {max_length} characters"),
    "bytes_too_long": ("TOO_LONG", "must have at most {max_length} bytes"),
    "base64_decode": ("MALFORMED", "must be base64"),
    "string_pattern_mismatch": ("MALFORMED", "must match {pattern}"),
    "greater_than_equal": ("TOO_SMALL", "must be at least {ge}"),
    "less_than_equal": ("TOO_LARGE", "must be at most {le}"),
    "finite_number": ("NOT_FINITE", "must be a finite number"),
    "too_short": ("TOO_FEW", "must have at least {min_length} item(s)"),
    "too_long": ("TOO_MANY", "must have at most {max_length} items"),
    "extra_forbidden": ("UNKNOWN_FIELD", "is not a known field; look for a typing mistake"),
    "literal_error": ("UNKNOWN_VALUE", "must be {expected}"),
    "empty_range": ("EMPTY_RANGE", "{msg}"),
}


def _violation(fault: ErrorDetails) -> FieldViolation:
    kind, context = fault["type"], dict(fault.get("ctx", {}))
    if kind == "string_pattern_mismatch" and context.get("pattern") == NOT_BLANK:
        kind = "string_empty"
    if kind == "string_too_short" and context.get("min_length") == 1:
        kind = "string_empty"
    if kind == "too_long" and context.get("field_type") == "Value":
        kind = "bytes_too_long"  # decoded base64: pydantic counts bytes
    reason, sentence = _FAULTS.get(kind, ("WRONG_TYPE", "{msg}"))
    values = {name: plain_number(value) for name, value in context.items() if name != "msg"}
    message = sentence.format(msg=_sentence(fault["msg"]), **values)
    return FieldViolation(field=_path(fault["loc"]), reason=reason, message=message)


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:300]


def _path(parts: tuple[int | str, ...]) -> str:
    """`("tastes", 0, "strength")` as `tastes[0].strength`; unknown keys are cut at 64 characters."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part[:64]}" if path else part[:64]
    return path
