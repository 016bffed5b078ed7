"""Directions as values: hidden-state vectors, arithmetic, file form.

The vectors are added to a model's hidden states. Directions support + - *.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from resonance.errors import DataLoss, FailedPrecondition

_FORM = "resonance-direction-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """The vectors that one unit of strength adds after each decoder layer of one model.

    `per_layer` and `one_to_all` are float32 `[layers, hidden]`. A layer's vector is one standard deviation of the layer's residual
    along it, so that a strength means the same at every layer. `one_to_all` has the same orientation at every layer.

    `baselines`, float32 `[2, layers]`, are the dot products of varied music's mean state with the vectors of `per_layer` and of
    `one_to_all`: the position of unsteered music along the direction. None in directions that were stored without them.

    Directions of one model can be added, subtracted and scaled; directions of two models cannot be combined.

    Raises:
        ValueError: the arrays differ in shape or are not finite.
    """

    model_digest: str
    per_layer: NDArray[np.float32]
    one_to_all: NDArray[np.float32]
    baselines: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.per_layer.ndim != 2 or self.per_layer.shape != self.one_to_all.shape:
            raise ValueError(
                f"two equal [layers, hidden] are needed, not {self.per_layer.shape}, {self.one_to_all.shape}"
            )
        if not (np.isfinite(self.per_layer).all() and np.isfinite(self.one_to_all).all()):
            raise ValueError("a direction must be finite")
        if self.baselines is not None and self.baselines.shape != (2, len(self.per_layer)):
            raise ValueError(f"baselines are [2, layers], not {self.baselines.shape}")

    def __add__(self, other: Direction) -> Direction:
        if other.model_digest != self.model_digest:
            raise FailedPrecondition(
                f"directions of models {self.model_digest[:8]} and {other.model_digest[:8]} cannot be added",
                reason="MODEL_MISMATCH",
            )
        return Direction(
            model_digest=self.model_digest,
            per_layer=self.per_layer + other.per_layer,
            one_to_all=self.one_to_all + other.one_to_all,
            baselines=None if self.baselines is None or other.baselines is None else self.baselines + other.baselines,
        )

    def __mul__(self, factor: float) -> Direction:
        return Direction(
            model_digest=self.model_digest,
            per_layer=self.per_layer * np.float32(factor),
            one_to_all=self.one_to_all * np.float32(factor),
            baselines=None if self.baselines is None else self.baselines * np.float32(factor),
        )

    __rmul__ = __mul__

    def __neg__(self) -> Direction:
        return self * -1.0

    def __sub__(self, other: Direction) -> Direction:
        return self + -other

    def to_bytes(self) -> bytes:
        """The direction as a safetensors file. The same direction gives the same bytes, so that a digest can name it."""
        tensors = {"per_layer": self.per_layer, "one_to_all": self.one_to_all}
        if self.baselines is not None:
            tensors["baselines"] = self.baselines
        metadata = {"form": _FORM, "model_digest": self.model_digest}
        return _sort_header(safetensors.numpy.save(tensors, metadata=metadata))

    @classmethod
    def from_bytes(cls, data: bytes) -> Direction:
        """Reads what `to_bytes` wrote.

        Raises:
            DataLoss: the bytes are not such a file, or their content is not a direction.
        """
        try:
            tensors = safetensors.numpy.load(data)
            metadata = _read_metadata(data)
            if metadata.get("form") != _FORM:
                raise ValueError(f"form {metadata.get('form')!r}")
            return cls(
                model_digest=metadata["model_digest"],
                per_layer=tensors["per_layer"].astype(np.float32, copy=False),
                one_to_all=tensors["one_to_all"].astype(np.float32, copy=False),
                baselines=tensors["baselines"].astype(np.float32, copy=False) if "baselines" in tensors else None,
            )
        except (safetensors.SafetensorError, ValueError, KeyError) as failure:
            raise DataLoss(f"this is not a stored direction: {failure}", reason="VECTOR_DAMAGED") from failure


def _sort_header(data: bytes) -> bytes:
    """The file with its header's keys sorted, because the library writes its metadata in a different order each time."""
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _read_metadata(data: bytes) -> dict[str, str]:
    """The metadata in the header, a little-endian length and then JSON; `safetensors.load` returns the tensors alone."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    metadata = header.get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()}
