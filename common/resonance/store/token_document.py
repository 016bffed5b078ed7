"""Tokens as objects: what takes and checkpoints keep, 400 bytes a second at four codebooks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from safetensors.numpy import save

from resonance.errors import DataLoss

Codes = NDArray[np.int64]


def codes_document(codes: Codes, request_digest: str, *, written_ms: int | None = None) -> bytes:
    """Tokens `[codebooks, frames]` below 65,536 and the digest of the request that they answer, as safetensors.

    Checkpoints say with `written_ms` when they were written, so that they can age.
    """
    tensors = {"codes": codes.astype(np.uint16), "request_digest": np.frombuffer(request_digest.encode(), np.uint8)}
    if written_ms is not None:
        tensors["written_ms"] = np.asarray([written_ms], np.int64)
    document: bytes = save(tensors)
    return document


def written_ms_in(document: bytes) -> int | None:
    """When a checkpoint was written; None where it does not say. Raises DataLoss where it is no document of tokens."""
    codes_in(document)
    stamp = safetensors.load(document).get("written_ms")
    return None if stamp is None or stamp.shape != (1,) else int(stamp[0])


def stamped(document: bytes, written_ms: int) -> bytes:
    """The same tokens, with the time that they count as written at."""
    codes, request_digest = codes_in(document)
    return codes_document(codes, request_digest, written_ms=written_ms)


def codes_in(document: bytes) -> tuple[Codes, str]:
    """Tokens and request digest of a document. Raises DataLoss where it is not one."""
    try:
        tensors = safetensors.load(document)
        codes, digest = tensors["codes"], tensors["request_digest"]
        if codes.dtype != np.uint16 or codes.ndim != 2 or digest.dtype != np.uint8:
            raise ValueError("another shape or type")
        return codes.astype(np.int64), digest.tobytes().decode()
    except (SafetensorError, KeyError, ValueError) as failure:
        raise DataLoss("stored tokens are damaged", reason="TOKENS_DAMAGED") from failure
