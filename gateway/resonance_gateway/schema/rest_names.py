"""REST names of gRPC request fields, for errors."""

from __future__ import annotations

import re

from resonance.errors import FieldViolation, ResonanceError

_REST_NAMES = (
    (r"^tracks\b(?!\.)", "files"),
    (r"^track\.filename$", "files"),
    (r"^upload_ids\b", "uploads"),
    (r"^melody\.wav$", "melody"),
    (r"^byte_count$", "Upload-Length"),
    (r"^(position\.)?offset$", "Upload-Offset"),
)


def to_rest_violations(error: ResonanceError) -> None:
    """Renames the fields of the error's violations in place."""
    error.violations = tuple(
        FieldViolation(field=to_rest_field(fault.field), reason=fault.reason, message=fault.message)
        for fault in error.violations
    )


def to_rest_field(path: str) -> str:
    """The path in the REST body: `recipe.prompts[0].text` is `prompt` there, and the other prompts count from 0."""
    path = re.sub(r"^(header|opening|control)\.", "", path).removeprefix("recipe.")
    for pattern, name in _REST_NAMES:
        path = re.sub(pattern, name, path)
    path = {"prompts[0].text": "prompt", "prompts[0].weight": "prompt_weight"}.get(path, path)
    return re.sub(r"^prompts\[(\d+)\]", lambda found: f"prompts[{int(found[1]) - 1}]", path)
