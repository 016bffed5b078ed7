"""Take tokens as a safetensors document.

Tokens of four codebooks have 400 bytes a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from safetensors.numpy import save

from resonance.errors import DataLoss

Codes = NDArray[np.int64]
"""Tokens `[codebooks, frames]`; where they are a prompt, -1 stands for a token to sample."""


def codes_document(codes: Codes, request_digest: str, *, written_ms: int | None = None) -> bytes:
    """Tokens `[codebooks, frames]` below 65,536 with the digest of their request.

    A checkpoint has the time of writing in `written_ms`, which the sweeper compares with the retention; a take has none.
    """
    tensors = {"codes": codes.astype(np.uint16), "request_digest": np.frombuffer(request_digest.encode(), np.uint8)}
    if written_ms is not None:
        tensors["written_ms"] = np.asarray([written_ms], np.int64)
    document: bytes = save(tensors)
    return document


def parse_codes(document: bytes) -> tuple[Codes, str]:
    """Tokens and request digest of a document. Raises DataLoss where it is not one."""
    try:
        tensors = safetensors.load(document)
        codes, digest = tensors["codes"], tensors["request_digest"]
        if codes.dtype != np.uint16 or codes.ndim != 2 or digest.dtype != np.uint8:
            raise ValueError("another shape or type")
        return codes.astype(np.int64), digest.tobytes().decode()
    except (SafetensorError, KeyError, ValueError) as failure:
        raise _damaged() from failure


def read_written_ms(document: bytes) -> int:
    """Time at which a checkpoint was written, in milliseconds. Raises DataLoss where the document is no checkpoint."""
    parse_codes(document)
    written_ms = safetensors.load(document).get("written_ms")
    if written_ms is None or written_ms.shape != (1,):
        raise _damaged()
    return int(written_ms[0])


def _damaged() -> DataLoss:
    return DataLoss("stored tokens are damaged", reason="TOKENS_DAMAGED")
