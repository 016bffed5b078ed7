"""Failures of google-genai as domain errors, in one place.

The library has two families: `errors.APIError` with `code` (generateContent, live music) and that of interactions with `status_code`.
Beneath them lie those of its HTTP client and of its socket. None of their texts leaves this module, because they may quote a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resonance.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidInput,
    Overloaded,
    PermissionDenied,
    ResonanceError,
    Unavailable,
)

FILTERED, BUSY, KEY_REFUSED, AWAY, WRONG = (
    "GOOGLE_FILTERED",
    "GOOGLE_BUSY",
    "GOOGLE_KEY_REFUSED",
    "GOOGLE_AWAY",
    "GOOGLE_WRONG_ANSWER",
)
_RETRY_S, _RETRY_S_MAX = 2.0, 600.0
_FILTER_WORDS = re.compile(r"safety|blocked|prohibited|policy|filter|recitation|refus", re.IGNORECASE)


def to_domain_error(failure: BaseException, model: str) -> ResonanceError:
    """The domain error of a failed call. A retry time of the server is kept; anything unforeseen is Unavailable."""
    if isinstance(failure, ResonanceError):
        return failure
    if isinstance(failure, TimeoutError) or "Timeout" in type(failure).__name__:
        return DeadlineExceeded(f"{model} did not answer in time", reason="GOOGLE_TIMEOUT")
    if type(failure).__name__ in ("RefreshError", "DefaultCredentialsError") and not getattr(
        failure, "retryable", False
    ):
        return PermissionDenied(f"Google refuses this installation's credentials for {model}", reason=KEY_REFUSED)
    status = read_status(failure)
    if status is None:
        return Unavailable(f"{model} cannot be reached: {type(failure).__name__}", reason=AWAY, retry_after_s=_RETRY_S)
    if status in (401, 403):
        return PermissionDenied(f"Google refuses this installation's key for {model}", reason=KEY_REFUSED)
    if status == 404:
        return FailedPrecondition(f"Google has no model {model}; its name is a setting", reason="GOOGLE_NO_MODEL")
    if status == 429:
        return Overloaded(
            f"{model} is busy, or its quota is used up", reason=BUSY, retry_after_s=retry_after_s(failure)
        )
    if status in (400, 413, 422):
        if _FILTER_WORDS.search(str(getattr(failure, "message", ""))):
            return InvalidInput(f"{model} refuses these words by its own rules; say it in other words", reason=FILTERED)
        return InvalidInput(f"{model} does not take this request ({status})", reason="GOOGLE_REFUSED")
    return Unavailable(f"{model} failed ({status})", reason=AWAY, retry_after_s=retry_after_s(failure))


def to_operation_error(error: Mapping[str, Any], model: str) -> ResonanceError:
    """The domain error of a long-running operation that ended with one: its `code` is a gRPC status, its text may quote the request."""
    code = error.get("code")
    if code in (3, 9, 11):
        if _FILTER_WORDS.search(str(error.get("message", ""))):
            return InvalidInput(f"{model} refuses these words by its own rules; say it in other words", reason=FILTERED)
        return InvalidInput(f"{model} does not take this request", reason="GOOGLE_REFUSED")
    if code in (7, 16):
        return PermissionDenied(f"Google refuses this installation's credentials for {model}", reason=KEY_REFUSED)
    if code == 8:
        return Overloaded(f"{model} is busy, or its quota is used up", reason=BUSY, retry_after_s=_RETRY_S)
    return Unavailable(f"{model} failed (status {code})", reason=AWAY, retry_after_s=_RETRY_S)


def filtered(model: str, why: str) -> InvalidInput:
    """The refusal of an answer that holds none of what was asked for, because a filter took it."""
    return InvalidInput(
        f"{model} refuses these words by its own rules ({why[:60]}); say it in other words", reason=FILTERED
    )


def wrong_answer(model: str, what: str) -> Unavailable:
    """The error for an answer that is not what was asked for. Another try may succeed."""
    return Unavailable(f"{model} sent {what}", reason=WRONG, retry_after_s=_RETRY_S)


def read_status(failure: BaseException) -> int | None:
    """The HTTP status of a failure of either family; None where there was no answer."""
    for name in ("status_code", "code"):
        status = getattr(failure, name, None)
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return None


def retry_after_s(failure: BaseException) -> float:
    """The server's `retry-after` in seconds, within bounds; a default where it says none."""
    headers = getattr(getattr(failure, "response", None), "headers", None) or {}
    text = str(headers.get("retry-after", ""))
    return min(float(text), _RETRY_S_MAX) if text.isascii() and text.isdecimal() else _RETRY_S
