"""Identifiers: random or derived from digests, never from user text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from typing import Any

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_request_id() -> str:
    """A fresh request id: 128 random bits as 26 lower-case letters and digits."""
    return _base32(secrets.token_bytes(16))


def is_request_id(text: str) -> bool:
    """True for a text that can be a request id."""
    return _REQUEST_ID.fullmatch(text) is not None


def derive_job_id(request_id: str, owner: str = "") -> str:
    """The job (and taste) id that belongs to a request id of one owner: the same request is the same job.

    The id is a digest, so that a job id does not reveal its request id.
    """
    named = f"{owner}/{request_id}" if owner else request_id  # no request id has a slash
    return "t-" + _base32(hashlib.sha256(b"job:" + named.encode()).digest()[:16])


def canonical_digest(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value in canonical form (sorted keys, no spaces, no NaN)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_hex(data: bytes | memoryview) -> str:
    """Hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
