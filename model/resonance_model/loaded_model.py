"""Loaded model: description, decoder, text encoder and codec.

It is independent of the library that read the checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from resonance_model.codec.stream import Codec
from resonance_model.config import DecoderConfig, ModelDescription
from resonance_model.decoder.decoder import Decoder
from resonance_model.text_encoder import EncodeText, Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaExtractor:
    """Melody conditioning of a checkpoint: `classes` makes `[frames, 12]` of mono samples `[samples]` at `sample_rate_hz`."""

    sample_rate_hz: int
    classes: Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """Everything that extraction and generation need. `library` is the library's own model, kept where a test asks for it.

    `melody_chroma` is None for checkpoints without melody conditioning.
    """

    description: ModelDescription
    config: DecoderConfig
    decoder: Decoder
    encode_text: EncodeText
    codec: Codec
    melody_chroma: ChromaExtractor | None = None
    library: Any = None

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the text encoder knows."""
        return Vocabulary(self.encode_text)


def digest_of_state(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over names, shapes, types and bytes of all tensors, and the configuration, in sorted order.

    Numbers that are stored in another float type count as fp32, so that the type in which a checkpoint is read does not matter.
    """
    digest = hashlib.sha256(json.dumps(configuration, sort_keys=True, default=str).encode())
    for name in sorted(state):
        tensor = state[name].detach().to("cpu")
        tensor = (tensor.float() if tensor.is_floating_point() else tensor).contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
