"""Renderings: offset removal, and tokenised passes of a piece.

Renderings lie around zero. One pass of a piece is tokenised, and the first part of the next.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model.training import tokenise
from model.training.compose import compose
from model.training.render import render_piece, without_offset
from model.training.synth import SoundFontMissing, Synth


def test_an_offset_goes_and_a_bass_tone_stays() -> None:
    times = np.arange(32_000) / 16_000
    tone = 0.2 * np.sin(2 * np.pi * 60 * times)
    heard = without_offset((tone + 0.1).astype(np.float32))
    assert abs(heard[1600:].mean()) < 1e-3
    assert heard[1600:].std() == pytest.approx(tone.std(), rel=0.06)


def test_renderings_of_pads_lie_around_zero() -> None:
    try:
        synth = Synth()
    except SoundFontMissing as missing:
        pytest.skip(str(missing))
    seed = next(seed for seed in range(30_000_000, 30_001_000) if "pad" in compose(seed).labels.instruments)
    audio = render_piece(synth, compose(seed))
    assert abs(audio.mean()) < 2e-3


class Counting:
    """A codec whose code is the number of the frame, and that counts what it hears."""

    heard = 0

    def encoder(self, samples: torch.Tensor) -> torch.Tensor:
        self.heard += samples.shape[-1] // 320
        return samples[..., ::320]

    @property
    def quantizer(self) -> Counting:
        return self

    def encode(self, latents: torch.Tensor, _bandwidth: float) -> torch.Tensor:
        return latents.round().long().expand(4, 1, -1)


def test_a_second_pass_is_tokenised_for_its_first_part_alone() -> None:
    form, part = 512, 128
    frames = np.concatenate([np.arange(form), 1000 + np.arange(form), 2000 + np.arange(120)])
    samples, codec = np.repeat(frames, 320).astype(np.float32), Counting()
    codes = tokenise.tokenised(codec, samples, {"loop_frames": form, "part_frames": part})  # type: ignore[arg-type]
    expected = np.concatenate([np.arange(form), 1000 + np.arange(part), np.arange(part, form), 2000 + np.arange(120)])
    assert np.array_equal(codes, np.stack([expected] * 4))
    assert codec.heard == form + part + tokenise.WRAP_FRAMES + tokenise.LEAD_FRAMES + 120
