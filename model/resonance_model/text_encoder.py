"""Text encoder: library tokenizer and T5 behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

TOKENS_MAX = 512
_NO_WORD = "qxzvk"  # a word of no language, by which a closed vocabulary is told
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


class Vocabulary:
    """The words that a text encoder's tokenizer knows.

    A word-level tokenizer, such as the embedded model's, has a closed vocabulary and turns other words into its unknown token. A subword
    tokenizer spells every word from pieces: its vocabulary is open, and it knows every word.
    """

    def __init__(self, encode: EncodeText) -> None:
        self._tokenizer = getattr(encode, "tokenizer", None)
        unknown = getattr(self._tokenizer, "unk_token_id", None)
        self._unknown: int | None = unknown if isinstance(unknown, int) else None
        self.is_closed = self._unknown is not None and not self._is_spelt(_NO_WORD)

    def knows(self, word: str) -> bool:
        """False where the tokenizer turns a part of the word into its unknown token."""
        return not self.is_closed or self._is_spelt(word)

    def words(self) -> list[str]:
        """The words of a closed vocabulary, sorted; empty for an open one."""
        if not self.is_closed or self._tokenizer is None:
            return []
        return sorted(word for word in self._tokenizer.get_vocab() if word.isalpha())

    def _is_spelt(self, word: str) -> bool:
        assert self._tokenizer is not None, "there is an unknown token"
        return self._unknown not in self._tokenizer(word, add_special_tokens=False)["input_ids"]
