"""Outside listener: optional, scored by areas under tag curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from model.training import outside


class Fake:
    """Hears the number that a clip is made of as the likelihood of every tag that rises."""

    tag_names = tuple(
        dict.fromkeys(
            [tag for tags in outside.INSTRUMENT_TAGS.values() for tag in tags]
            + [tag for _, _, down, up in outside.CONTRASTS.values() for tag in (*down, *up)]
        )
    )

    def hear(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rising = {tag for _, _, _, up in outside.CONTRASTS.values() for tag in up}
        return np.zeros(1), np.array([audio[0] if tag in rising else 0.5 for tag in self.tag_names])


class Obedient:
    """Makes clips of 0.9 for prompts that ask for much, and of 0.1 for others."""

    def clips(self, prompts: list[str], seed: int, seconds: float = 6.0) -> list[np.ndarray]:
        much = ("loud", "intense", "fast", "187", "with ")
        return [np.full(10, 0.9 if any(word in prompt for word in much) else 0.1, np.float32) for prompt in prompts]


def test_without_a_folder_there_is_no_ear() -> None:
    assert outside.ear_of(None) is None


def test_a_checkout_without_the_reader_has_no_ear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "READER", "benchmarks.no_such_reader")
    assert outside.ear_of(Path("anywhere")) is None


def test_what_is_obeyed_has_an_area_of_one_and_what_is_not_told_apart_none_above() -> None:
    found = outside.figures(Obedient(), Fake())
    assert found["contrasts"] == {"loudness": 1.0, "tempo": 1.0, "voices": 1.0}
    assert found["instruments"]["piano"] == 0.0
