"""Numbers in prompts: nearest existing tempo, other numbers ignored."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from model.training.captions import NUMBERS, caption
from model.training.compose import compose
from model.training.harmony import TONICS
from model.training.pieces import FRAMES_PER_SIXTEENTH
from model.training.text import make_tokenizer

from resonance_generate.musical.keys import Key
from resonance_model.loaders.cards import load_card

TOKENIZER = make_tokenizer()


def read(prompt: str) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(TOKENIZER(prompt)["input_ids"])[:-1]


@pytest.mark.parametrize(
    ("typed", "understood"),
    [("60", "62"), ("80", "75"), ("90", "94"), ("100", "94"), ("120", "125"), ("140", "150"), ("174", "187")],
)
def test_a_typed_tempo_is_the_nearest_that_exists(typed: str, understood: str) -> None:
    assert read(f"techno {typed} bpm") == ["techno", understood, "bpm"]
    assert read(f"{typed}BPM, techno") == [understood, "bpm", "techno"]


def test_numbers_that_are_no_tempo_stay_unknown() -> None:
    assert read("808 drums 90s") == ["<unk>", "drums", "<unk>"]


def test_every_number_belongs_to_the_tempo_nearest_by_ratio() -> None:
    for tempo, (low, high) in NUMBERS.items():
        for number in range(max(low, 45), min(high, 250) + 1):
            nearest = min((62.5, 75, 93.75, 125, 150, 187.5), key=lambda bpm: max(bpm / number, number / bpm))
            assert abs(nearest - tempo) < 1


def test_captions_name_their_own_tempo() -> None:
    random = Random(5)
    for seed in range(200):
        labels = compose(seed).labels
        words = read(caption(labels.as_dict(), random))
        tempi = {int(word) for word in words if word.isdigit()}
        assert all(abs(tempo - labels.bpm) < 1 for tempo in tempi)


def test_soloists_are_named_without_a_word_more() -> None:
    labels = next(labels for labels in (compose(seed).labels for seed in range(100)) if labels.solo).as_dict()

    def spoken(solo: bool) -> float:
        random = Random(6)
        said = [caption({**labels, "solo": solo}, random) for _ in range(1000)]
        return sum("bass" in words or "vocals" in words for words in said)

    assert spoken(solo=True) < 0.8 * spoken(solo=False)


def test_the_card_lists_the_tempi_and_keys_of_the_composer() -> None:
    controls = load_card("embedded", Path("weights")).controls
    assert set(controls.tempi_bpm) == {60 / (4 * frames * 0.02) for frames in FRAMES_PER_SIXTEENTH}
    keys = {Key(tonic, mode == "minor").name for mode, tonics in TONICS.items() for tonic in tonics}
    assert set(controls.keys) == keys
