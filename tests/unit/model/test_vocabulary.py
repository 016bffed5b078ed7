"""Vocabulary of a text encoder: closed ones know their words alone, open ones every word."""

from __future__ import annotations

from resonance_model.loaded_model import LoadedModel
from resonance_model.text_encoder import Vocabulary


class Pieces:
    """A tokenizer that spells every word from letters, as subword tokenizers do."""

    unk_token_id = 0

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def test_a_word_level_tokenizer_knows_its_own_words(tiny: LoadedModel) -> None:
    vocabulary = Vocabulary(tiny.encode_text)
    assert vocabulary.is_closed
    assert vocabulary.knows("piano")
    assert not vocabulary.knows("zither")
    assert "piano" in vocabulary.words()
    assert not any("<" in word for word in vocabulary.words())


def test_an_open_vocabulary_knows_every_word() -> None:
    def encode(_texts: object) -> list[object]:
        return []

    assert Vocabulary(encode).knows("zither")  # type: ignore[arg-type]  # an encoder without a tokenizer
    encode.tokenizer = Pieces()  # type: ignore[attr-defined]
    vocabulary = Vocabulary(encode)  # type: ignore[arg-type]
    assert not vocabulary.is_closed
    assert vocabulary.knows("zither")
    assert vocabulary.words() == []
