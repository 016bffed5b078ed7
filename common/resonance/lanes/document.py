"""Lanes file (`*.resonance.json`): recipes, curves, seed and digests of one piece of music, read and written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from resonance.errors import FieldViolation, InvalidInput, invalid_field, violation
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import steering_pb2

FORMAT: Literal["resonance-lanes"] = "resonance-lanes"
VERSION: Literal[1] = 1
ENDING = ".resonance.json"
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
DURATION_S_MAX = 600.0
POINTS_MAX = 4096
CURVES_MAX = 64
RECIPES_MAX = 512
_REASONS = {
    "extra_forbidden": "UNKNOWN_FIELD",
    "missing": "REQUIRED",
    "greater_than_equal": "TOO_SMALL",
    "less_than_equal": "TOO_LARGE",
    "too_long": "TOO_LONG",
    "too_short": "TOO_SHORT",
    "string_too_long": "TOO_LONG",
    "literal_error": "UNKNOWN_VALUE",
}
Time = Annotated[float, Field(ge=0, le=DURATION_S_MAX)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class ModelName(_Part):
    """The model that made the music. Another one makes other music of the same file, and knows none of its tastes."""

    model_id: str = Field(max_length=200)
    digest: str = Field(max_length=128, description="Hexadecimal SHA-256 of its weights.")


class TakeName(_Part):
    """The take that the file was written from."""

    request_id: str = Field(max_length=64)
    audio_sha256: str = Field(default="", max_length=64, description="Hexadecimal SHA-256 of its stored WAV file.")


class RecipeFrom(_Part):
    """A recipe and the time from which it holds; its sliders and strengths are those of the curves where a curve names them."""

    at_s: Time
    recipe: dict[str, Any] = Field(description="A resonance.v1.Recipe in protobuf's JSON form, with the proto's names.")


class Curve(_Part):
    """The values of one slider, taste or concept over time. Each holds from its time until the next one."""

    kind: Literal["slider", "taste", "concept", "concept_strength"] = Field(
        description="What it moves: a slider's position, a taste's strength, a concept's position, or a concept's strength."
    )
    name: str = Field(min_length=1, max_length=64, description="The slider, the taste's id, or the concept's name.")
    points: list[tuple[Time, Annotated[float, Field(ge=-8, le=8)]]] = Field(
        min_length=1, max_length=POINTS_MAX, description="Pairs of a time in seconds and a value, in rising order."
    )


class LanesFile(_Part):
    """What steered a piece of music and when: enough to make it again, or to make it otherwise from a time on."""

    format: Literal["resonance-lanes"] = FORMAT
    version: Literal[1] = VERSION
    title: str = Field(default="", max_length=200)
    model: ModelName
    seed: int = Field(ge=0, le=2**53 - 1)
    duration_s: float = Field(ge=1, le=DURATION_S_MAX)
    chunk_s: float | None = Field(
        default=None, ge=0.2, le=2.5, description="Length of the chunks that it was decoded in, for the same last bits."
    )
    recipes: list[RecipeFrom] = Field(
        min_length=1, max_length=RECIPES_MAX, description="In rising order; the first one holds from 0."
    )
    curves: list[Curve] = Field(default=[], max_length=CURVES_MAX)
    take: TakeName | None = None


def read_lanes(data: bytes | str) -> LanesFile:
    """The file of its text.

    Raises:
        InvalidInput: NOT_JSON; NOT_A_LANES_FILE; UNKNOWN_VERSION; or with a violation for every field at fault: UNKNOWN_FIELD, REQUIRED,
            TOO_SMALL, TOO_LARGE, TOO_LONG, TOO_SHORT, UNKNOWN_VALUE, WRONG_TYPE, OUT_OF_ORDER.
    """
    try:
        known = json.loads(data)
    except ValueError as fault:  # not UTF-8, or not JSON
        raise InvalidInput("the file is not JSON", reason="NOT_JSON") from fault
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise invalid_field("format", "NOT_A_LANES_FILE", f'must be "{FORMAT}"; this is another kind of file')
    if known.get("version") != VERSION:
        message = f"is {known.get('version')!r}; this release reads version {VERSION}"
        raise invalid_field("version", "UNKNOWN_VERSION", message)
    try:
        lanes = LanesFile.model_validate_json(data)
    except ValidationError as failure:
        faults = failure.errors(include_url=False, include_context=False, include_input=False)
        raise _invalid([_violation(fault) for fault in faults]) from failure
    if faults_found := [*_find_faults(lanes)]:
        raise _invalid(faults_found)
    return lanes


def write_lanes(lanes: LanesFile) -> str:
    """The file's text: one line for each recipe and each curve, so that two files can be compared line by line."""
    known = lanes.model_dump(mode="json", exclude_none=True)
    lines = []
    for name, value in known.items():
        if name in ("recipes", "curves") and value:
            rows = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f'  "{name}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return {"$schema": SCHEMA_ID, **LanesFile.model_json_schema()}


def parse_recipe(known: dict[str, Any], field: str) -> steering_pb2.Recipe:
    """The message of a recipe in JSON. Raises InvalidInput that names `field`."""
    try:
        return json_format.ParseDict(known, steering_pb2.Recipe(), max_recursion_depth=10)
    except json_format.ParseError as fault:
        reason = "UNKNOWN_FIELD" if "no field named" in str(fault) else "WRONG_TYPE"
        raise invalid_field(field, reason, str(fault).partition(" at ")[0][:300]) from fault


def _find_faults(lanes: LanesFile) -> Sequence[FieldViolation]:
    """What the schema cannot say: orders, names of sliders, and the fields of recipes."""
    faults = []
    if lanes.recipes[0].at_s != 0:
        faults.append(violation("recipes[0].at_s", "OUT_OF_ORDER", "the first recipe holds from 0"))
    faults += _unordered("recipes", [item.at_s for item in lanes.recipes], "at_s")
    for number, item in enumerate(lanes.recipes):
        try:
            parse_recipe(item.recipe, f"recipes[{number}].recipe")
        except InvalidInput as fault:
            faults += fault.violations
    seen: set[tuple[str, str]] = set()
    for number, curve in enumerate(lanes.curves):
        field = f"curves[{number}]"
        faults += _unordered(f"{field}.points", [at_s for at_s, _ in curve.points], "[0]")
        if curve.kind == "slider" and curve.name not in SLIDER_NAMES:
            faults.append(violation(f"{field}.name", "UNKNOWN_VALUE", f"is none of {', '.join(SLIDER_NAMES)}"))
        if curve.kind in ("slider", "concept") and any(abs(value) > 1 for _, value in curve.points):
            faults.append(violation(f"{field}.points", "TOO_LARGE", "positions go from -1 to 1"))
        if (curve.kind, curve.name) in seen:
            faults.append(violation(field, "CONFLICT", f"there are two curves of {curve.kind} {curve.name}"))
        seen.add((curve.kind, curve.name))
    return faults


def _unordered(field: str, times: Sequence[float], member: str) -> list[FieldViolation]:
    late = [number for number in range(1, len(times)) if times[number] <= times[number - 1]]
    dot = "" if member.startswith("[") else "."
    return [
        violation(f"{field}[{number}]{dot}{member}", "OUT_OF_ORDER", f"must lie after {times[number - 1]:g} s")
        for number in late[:1]
    ]


def _violation(fault: ErrorDetails) -> FieldViolation:
    path = ""
    for part in fault["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return violation(path or "file", _REASONS.get(fault["type"], "WRONG_TYPE"), str(fault["msg"]))


def _invalid(violations: Sequence[FieldViolation]) -> InvalidInput:
    first = violations[0]
    message = "; ".join(f"{fault.field}: {fault.message}" for fault in violations[:5])
    return InvalidInput(message, reason=first.reason, violations=tuple(violations))
