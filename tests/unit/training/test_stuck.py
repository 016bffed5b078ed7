"""Held tones: detection, exact frame codes, spoilt inputs."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from model.training import windows
from model.training.meters import held_s, held_stretch
from model.training.stuck import held_stretches
from model.training.windows import Window, fallen_into, spoilt

RATE_HZ = 16_000
CODES = np.arange(4 * 500, dtype=np.int16).reshape(4, 500) % 1000


def half_played(seconds: float = 10.0) -> np.ndarray:
    """Clicks four times a second for a while, then one tone."""
    audio = np.zeros(round(seconds * RATE_HZ), np.float32)
    burst = (np.sin(np.arange(800) * 0.2) * np.exp(-np.arange(800) / 160)).astype(np.float32)
    for start in range(0, len(audio) // 2, RATE_HZ // 4):
        audio[start : start + 800] += burst
    rest = np.arange(len(audio) // 2) / RATE_HZ
    audio[len(audio) // 2 :] = 0.2 * np.sin(2 * np.pi * 440 * rest)
    return audio


class Fake:
    """A generator of one clip that gets stuck and one that does not."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(audio_encoder=SimpleNamespace(decode=lambda codes: codes))

    def play(self, prompts: list[str], _seconds: float, _seed: int) -> list[np.ndarray]:
        codec: Any = self.model.audio_encoder
        codec.decode(torch.from_numpy(np.stack([CODES, CODES]))[None])
        return [half_played(), np.tile(half_played()[: 5 * RATE_HZ], 2)]


def test_the_held_stretch_is_where_nothing_starts() -> None:
    start, end = held_stretch(half_played())
    assert 235 <= start <= 260
    assert end >= 490
    assert held_s(half_played()) == pytest.approx((end - start) * 0.02)


def test_only_clips_that_get_stuck_are_kept_and_only_those_frames() -> None:
    start, end = held_stretch(half_played())
    (kept,) = held_stretches(Fake(), ["pads", "choir"], 10.0, 0)  # type: ignore[arg-type]
    assert np.array_equal(kept, CODES[:, start:end])


def test_inputs_are_spoilt_with_what_the_model_fell_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "STUCK", tmp_path / "stuck.npy")
    monkeypatch.setattr(windows, "silence", lambda: np.zeros((4, 1), np.int16))
    np.save(windows.STUCK, np.full((4, 400), 1023, np.int16))
    fallen_into.cache_clear()
    try:
        random, window = Random(1), Window(CODES, {"labels": {"frames_per_sixteenth": 4}}, True)
        assert any((spoilt(window, random, 1.0).codes == 1023).all(0).sum() >= 15 for _ in range(40))
        assert not (window.codes == 1023).any()
    finally:
        fallen_into.cache_clear()
