"""Domain errors; `rpc/status.py` maps them to gRPC and HTTP statuses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """A violation of one field: its path (`recipe.prompts[0].text`), a constant reason, and a sentence."""

    field: str
    reason: str
    message: str


class ResonanceError(Exception):
    """The base of all domain errors.

    `reason` is a constant in UPPER_SNAKE_CASE for programs; `message` is a sentence that a person can act on;
    `violations` name the fields at fault; `retry_after_s` is the time until another try (None: it would fail too).
    """

    default_reason = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        violations: tuple[FieldViolation, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.violations = violations
        self.retry_after_s = retry_after_s


class InvalidInput(ResonanceError):
    """The request is wrong in any state of the system. It names every fault that was found."""

    default_reason = "INVALID_INPUT"


class NotFound(ResonanceError):
    """The named object does not exist, or belongs to another owner."""

    default_reason = "NOT_FOUND"


INTERNAL_MESSAGE = "internal error; the log of the service has its cause"


class Conflict(ResonanceError):
    """The id or name is taken by another request, or another writer changed the object first."""

    default_reason = "CONFLICT"


class FailedPrecondition(ResonanceError):
    """The request is right, but not in the present state: a taste of another model, a concept that is not ready."""

    default_reason = "FAILED_PRECONDITION"


class Unsupported(ResonanceError):
    """The loaded model or this deployment cannot do it at all."""

    default_reason = "UNSUPPORTED"


class Overloaded(ResonanceError):
    """A limit on a queue, jobs or controls is reached, or background work was preempted. `retry_after_s` estimates until when."""

    default_reason = "OVERLOADED"


class Unavailable(ResonanceError):
    """A service or store that is needed cannot be reached at the moment."""

    default_reason = "UNAVAILABLE"


class DeadlineExceeded(ResonanceError):
    """The work took longer than its limit."""

    default_reason = "DEADLINE_EXCEEDED"


class Cancelled(ResonanceError):
    """The caller cancelled the work."""

    default_reason = "CANCELLED"


class PermissionDenied(ResonanceError):
    """The caller may not do this."""

    default_reason = "PERMISSION_DENIED"


class Unauthenticated(ResonanceError):
    """The caller sent no credentials, or wrong ones."""

    default_reason = "UNAUTHENTICATED"


class DataLoss(ResonanceError):
    """Stored bytes are damaged: their digest differs from the one that was stored."""

    default_reason = "DATA_LOSS"


def invalid_field(field: str, reason: str, message: str) -> InvalidInput:
    """An InvalidInput with one violation; the message names the field, and the reason is the violation's."""
    return InvalidInput(f"{field}: {message}", reason=reason, violations=(violation(field, reason, message),))


def violation(field: str, reason: str, message: str) -> FieldViolation:
    """A violation of one field."""
    return FieldViolation(field=field, reason=reason, message=message)
