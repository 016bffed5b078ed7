"""Reader of TensorFlow checkpoints (tensor bundles) without TensorFlow.

It reads float32 tensors by name.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_FOOTER_BYTES: Final = 48
_FLOAT: Final = 1  # DT_FLOAT of tensorflow/core/framework/types.proto
Message = dict[int, list[Any]]


def read_bundle(prefix: str | Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of `PREFIX.index` and `PREFIX.data-00000-of-00001`, by name.

    The index is an SSTable (LevelDB's table format) of `BundleEntryProto` messages; the data file has the values, little-endian, one
    after another. The optimiser's slots (`.../Adam`) are left out.

    Raises:
        ValueError: the index is compressed or damaged.
    """
    index = Path(f"{prefix}.index").read_bytes()
    data = Path(f"{prefix}.data-00000-of-00001").read_bytes()
    found = {}
    for key, value in _table(index):
        entry = _message(value)
        if key and "/Adam" not in key.decode() and entry.get(1) == [_FLOAT]:
            found[key.decode()] = _tensor(entry, data)
    return found


def _tensor(entry: Mapping[int, list[Any]], data: bytes) -> NDArray[np.float32]:
    """BundleEntryProto: 2 shape, 4 offset in bytes, 5 size in bytes. A scalar has no dimensions."""
    shape = [_message(size).get(1, [0])[0] for size in _message(entry[2][0]).get(2, [])]
    offset, size = entry.get(4, [0])[0], entry[5][0]
    if size != 4 * math.prod(shape) or offset + size > len(data):
        raise ValueError("the checkpoint's index does not fit its data")
    return np.frombuffer(data, "<f4", count=size // 4, offset=offset).reshape(shape)


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All entries of an SSTable: the footer points at the index block, whose values point at the data blocks."""
    footer, at = index[-_FOOTER_BYTES:], 0
    for _ in range(2):  # the meta index's handle, which nobody needs
        _, at = _varint(footer, at)
    for _, handle in _block(index, *_handle(footer, at)):
        yield from _block(index, *_handle(handle, 0))


def _handle(data: bytes, at: int) -> tuple[int, int]:
    offset, at = _varint(data, at)
    size, _ = _varint(data, at)
    return offset, size


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """One block's keys and values; each key shares a prefix with the one before. The byte after a block names its compression."""
    if index[offset + size] != 0:
        raise ValueError("the checkpoint's index is compressed")
    block, key, at = index[offset : offset + size], b"", 0
    (restarts,) = struct.unpack("<I", block[-4:])
    while at < len(block) - 4 * (restarts + 1):
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        yield key, block[at + fresh : at + fresh + length]
        at += fresh + length


def _message(data: bytes) -> Message:
    """A protobuf message as field number -> values: numbers for varints, bytes for the rest."""
    fields: Message = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"wire type {kind} in the checkpoint's index")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
