"""Prompt tokens of a continuation."""

from __future__ import annotations

import numpy as np

from resonance.errors import invalid_field
from resonance.store.token_document import Codes
from resonance.v1 import generate_pb2


def continuation_tokens(known: Codes, *, start: int, end: int | None, frame_count: int) -> Codes:
    """Prompt tokens of a take that keeps the known frames before `start` and, with `end`, from `end` on.

    Returns `[codebooks, frame_count]`, -1 for tokens to sample.
    """
    tokens = np.full((known.shape[0], frame_count), -1, np.int64)
    kept = min(start, frame_count, known.shape[1])
    tokens[:, :kept] = known[:, :kept]
    if end is not None:
        last = min(known.shape[1], frame_count)
        tokens[:, end:last] = known[:, end:last]
    return tokens


def origin_tokens(
    known: Codes, origin: generate_pb2.Origin, *, duration_s: float, frame_count: int, frame_rate_hz: float
) -> Codes:
    """Prompt tokens of a take that starts from another take with the tokens `known`.

    Raises InvalidInput, which names the field, where the requested section does not fit the two takes.
    """
    length_s = known.shape[1] / frame_rate_hz
    start_s = origin.start_s if origin.HasField("start_s") else length_s
    if start_s > length_s:
        raise invalid_field("origin.start_s", "TOO_LARGE", f"must be at most {length_s:g}, the length of the take")
    if start_s >= duration_s:
        raise invalid_field("duration_s", "TOO_SMALL", f"must be more than {start_s:g}, where new music begins")
    if not origin.HasField("end_s"):
        return continuation_tokens(known, start=round(start_s * frame_rate_hz), end=None, frame_count=frame_count)
    if not start_s < origin.end_s <= length_s:
        message = f"must lie after {start_s:g}, where new music begins, and at most at {length_s:g}, the take's end"
        raise invalid_field("origin.end_s", "EMPTY_RANGE", message)
    start, end = round(start_s * frame_rate_hz), round(origin.end_s * frame_rate_hz)
    return continuation_tokens(known, start=start, end=end, frame_count=frame_count)


def resumption_tokens(sampled: Codes, prompt: Codes | None, *, frame_count: int) -> Codes:
    """Prompt tokens of a take that was cut after the tokens `sampled`; what the request's own prompt knows beyond them stays."""
    tokens = continuation_tokens(sampled, start=sampled.shape[1], end=None, frame_count=frame_count)
    return tokens if prompt is None else np.where(tokens >= 0, tokens, prompt)
