"""Files of a checkpoint: types and sizes of its weights, by their headers."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import torch

_HEADER_BYTES_MAX = 100_000_000  # safetensors' own limit
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


def stored_dtype(source: str) -> torch.dtype:
    """fp16 or bf16 where all float weights of a folder or of the hub's cache are stored so; else fp32."""
    kinds = {entry["dtype"] for entry in _read_entries(source).values()}
    types = {kind for kind in kinds if kind.startswith(("F", "BF"))}
    return _DTYPES.get(types.pop(), torch.float32) if len(types) == 1 else torch.float32


def stored_sizes(source: str) -> dict[str, int]:
    """Numbers in each weight, by name; empty where no file in safetensors' format is on this machine."""
    return {name: math.prod(entry["shape"]) for name, entry in _read_entries(source).items()}


def _read_entries(source: str) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for path in _find_weights(source):
        entries |= _read_header(path)
    return entries


def _find_weights(source: str) -> list[Path]:
    """Files of weights in safetensors' format, of a folder or of the hub's cache."""
    if Path(source).is_dir():
        return sorted(Path(source).glob("*.safetensors"))
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "config.json")
    except HFValidationError:
        return []
    return sorted(Path(found).parent.glob("*.safetensors")) if isinstance(found, str) else []


def _read_header(path: Path) -> dict[str, Any]:
    """Entries of a safetensors header. A damaged one has none: the library reports it when it reads the file."""
    with path.open("rb") as file:
        prefix = file.read(8)
        size = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 0 < size <= _HEADER_BYTES_MAX:
            return {}
        try:
            header: dict[str, Any] = json.loads(file.read(size))
        except ValueError:
            return {}
    header.pop("__metadata__", None)
    return header
