"""Text encoder: library tokenizer and T5 behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

TOKENS_MAX = 512
# Encoder states of each text, `[tokens, text_size]`, without padding.
EncodeText = Callable[[Sequence[str]], list[Tensor]]
# The mark of a space in the pieces of T5's tokenizer; alone it is no part of a word.
_SPACE = "\u2581"


class T5Text:
    """Tokenizer and encoder of transformers. Texts are encoded one by one, so that no padding reaches the states."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer = tokenizer
        self._encoder = encoder

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[Tensor]:
        """Encoder states `[tokens, text_size]` of each text; a text longer than TOKENS_MAX tokens is cut there."""
        return [self._encode(text) for text in texts]

    def unknown_words(self, words: Sequence[str]) -> list[str]:
        """Those of the words that the tokenizer reads as unknown in all their pieces."""
        if not words:
            return []
        read = self.tokenizer(list(words), add_special_tokens=False)["input_ids"]
        return [word for word, numbers in zip(words, read, strict=True) if not self._is_known(numbers)]

    def _is_known(self, numbers: list[int]) -> bool:
        pieces = [piece for piece in self.tokenizer.convert_ids_to_tokens(numbers) if piece != _SPACE]
        return any(piece != self.tokenizer.unk_token for piece in pieces)

    def _encode(self, text: str) -> Tensor:
        tokens = self.tokenizer([text], return_tensors="pt", truncation=True, max_length=TOKENS_MAX)
        device, mask = self._encoder.device, tokens.get("attention_mask")
        states = self._encoder(
            input_ids=tokens["input_ids"].to(device), attention_mask=None if mask is None else mask.to(device)
        ).last_hidden_state[0]
        return states if mask is None else states[mask[0].bool().nonzero()[:, 0].to(device)]
