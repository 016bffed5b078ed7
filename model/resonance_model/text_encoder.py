"""Text encoder: library tokenizer and T5 behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

TOKENS_MAX = 512
# Encoder states of each text, `[tokens, text_size]`, without padding.
EncodeText = Callable[[Sequence[str]], list[Tensor]]


class T5Text:
    """Tokenizer and encoder of transformers. Texts are encoded one by one, so that no padding reaches the states."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer = tokenizer
        self._encoder = encoder

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[Tensor]:
        """Encoder states `[tokens, text_size]` of each text; a text longer than TOKENS_MAX tokens is cut there."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> Tensor:
        tokens = self.tokenizer([text], return_tensors="pt", truncation=True, max_length=TOKENS_MAX)
        device, mask = self._encoder.device, tokens.get("attention_mask")
        states = self._encoder(
            input_ids=tokens["input_ids"].to(device), attention_mask=None if mask is None else mask.to(device)
        ).last_hidden_state[0]
        return states if mask is None else states[mask[0].bool().nonzero()[:, 0].to(device)]
