"""Base of all documents of a video: frozen pydantic models that refuse unknown fields and numbers that are not finite."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from resonance.errors import InvalidInput, violation
from resonance.ids import canonical_digest

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]
Line = Annotated[str, StringConstraints(max_length=200)]
Sentence = Annotated[str, StringConstraints(max_length=400)]
Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Document(BaseModel):
    """A frozen value that is stored and sent as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """The document as one line of JSON."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The document of a JSON text.

        Raises:
            InvalidInput: the text is no such document; each fault is a violation with its field's path.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as failure:
            raise invalid_document(cls.__name__, failure) from None

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the document's canonical JSON."""
        return canonical_digest(self.model_dump(mode="json"))


def invalid_document(name: str, failure: ValidationError) -> InvalidInput:
    """The refusal of a document, with a violation for every fault that pydantic found."""
    faults = failure.errors(include_url=False, include_context=False, include_input=False)
    violations = tuple(violation(_path(fault["loc"]), "INVALID_FIELD", fault["msg"]) for fault in faults)
    first = violations[0]
    return InvalidInput(
        f"this is no valid {name}: {first.field or 'the text'}: {first.message}",
        reason="INVALID_DOCUMENT",
        violations=violations,
    )


def _path(location: tuple[int | str, ...]) -> str:
    """`shots[3].summary` of ("shots", 3, "summary")."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
