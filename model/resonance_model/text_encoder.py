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
    tokenizer spells words from pieces: its vocabulary is open, and only a word in a script that it never saw is unknown.
    """

    def __init__(self, encode: EncodeText) -> None:
        self._tokenizer = getattr(encode, "tokenizer", None)
        unknown = getattr(self._tokenizer, "unk_token_id", None)
        self._meaningless = set() if unknown is None else {unknown, self._tokenizer.convert_tokens_to_ids(_SPACE)}  # type: ignore[union-attr]
        self.is_closed = not self.knows(_NO_WORD)

    def knows(self, word: str) -> bool:
        """False where the tokenizer reads all pieces of the word as its unknown token."""
        if self._tokenizer is None or not self._meaningless:
            return True
        return not self._meaningless.issuperset(self._tokenizer(word, add_special_tokens=False)["input_ids"])

    def words(self) -> list[str]:
        """The words of a closed vocabulary, sorted; empty for an open one."""
        if not self.is_closed or self._tokenizer is None:
            return []
        return sorted(word for word in self._tokenizer.get_vocab() if word.isalpha())
