"""Files of a checkpoint: the type in which its weights are stored."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch

_HEADER_BYTES_MAX = 100_000_000  # safetensors' own limit
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


def stored_dtype(source: str) -> torch.dtype:
    """fp16 or bf16 where all float weights of a folder or of the hub's cache are stored so; else fp32."""
    path = _find_weights(source)
    types = _float_types(path) if path is not None else set()
    return _DTYPES.get(types.pop(), torch.float32) if len(types) == 1 else torch.float32


def _find_weights(source: str) -> Path | None:
    """One file of weights in safetensors' format; None where there is none on this machine."""
    if Path(source).is_dir():
        return next(iter(sorted(Path(source).glob("*.safetensors"))), None)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "config.json")
    except HFValidationError:
        return None
    return next(iter(sorted(Path(found).parent.glob("*.safetensors"))), None) if isinstance(found, str) else None


def _float_types(path: Path) -> set[str]:
    """Float types in the header of a safetensors file. A damaged header names none: the library reports it when it reads the file."""
    with path.open("rb") as file:
        prefix = file.read(8)
        size = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 0 < size <= _HEADER_BYTES_MAX:
            return set()
        try:
            header = json.loads(file.read(size))
        except ValueError:
            return set()
    types = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    return {kind for kind in types if kind.startswith(("F", "BF"))}
