"""Sealed bytes: data with a SHA-256 footer that detects damage.

The digest is a footer of the object and not metadata beside it: it is written in the same atomic step, every store
keeps it, and S3 requires signed metadata headers, which a presigned conditional PUT cannot have.
"""

from __future__ import annotations

import hashlib

from resonance.errors import DataLoss

_MARK = b"RSN1"
FOOTER_BYTES = len(_MARK) + 32


def seal(data: bytes) -> bytes:
    """The data with its footer: four bytes of mark and the 32 bytes of its SHA-256."""
    return b"".join((data, _MARK, hashlib.sha256(data).digest()))


def unseal(sealed: bytes, key: str) -> tuple[bytes, str]:
    """The data and its hexadecimal SHA-256.

    Raises:
        DataLoss: a bit flipped, a part is missing, or another program wrote the object.
    """
    data, mark, digest = sealed[:-FOOTER_BYTES], sealed[-FOOTER_BYTES:-32], sealed[-32:]
    found = hashlib.sha256(data)
    if mark != _MARK or found.digest() != digest:
        raise DataLoss(f"{key} is damaged: its bytes are not the bytes that were stored", reason="OBJECT_DAMAGED")
    return data, found.hexdigest()
