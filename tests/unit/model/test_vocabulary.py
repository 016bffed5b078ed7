"""Vocabulary of a text encoder: closed ones know their words alone, open ones every word of their script."""

from __future__ import annotations

from resonance_model.loaded_model import LoadedModel
from resonance_model.text_encoder import Vocabulary


class Pieces:
    """A tokenizer that spells every word from letters, as subword tokenizers do."""

    unk_token_id, space = 0, 1

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [self.space, *(ord(letter) if letter.isascii() else 0 for letter in text)]}

    def convert_tokens_to_ids(self, _token: str) -> int:
        return self.space


def test_a_word_level_tokenizer_knows_its_own_words(tiny: LoadedModel) -> None:
    vocabulary = Vocabulary(tiny.encode_text)
    assert vocabulary.is_closed
    assert vocabulary.knows("piano")
    assert not vocabulary.knows("zither")
    assert "piano" in vocabulary.words()
    assert not any("<" in word for word in vocabulary.words())


def test_an_open_vocabulary_knows_every_word_that_it_can_spell() -> None:
    def encode(_texts: object) -> list[object]:
        return []

    assert Vocabulary(encode).knows("zither")  # type: ignore[arg-type]  # an encoder without a tokenizer
    encode.tokenizer = Pieces()  # type: ignore[attr-defined]
    vocabulary = Vocabulary(encode)  # type: ignore[arg-type]
    assert not vocabulary.is_closed
    assert vocabulary.knows("zither")
    assert not vocabulary.knows("музыка")
    assert vocabulary.words() == []
