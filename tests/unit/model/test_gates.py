"""The four exactness gates through transformers: text, stereo and melody checkpoints; 1, 3 and 8 ragged rows; awkward moments to join."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from support.checkpoints import TINY, TINY_MELODY, TINY_STEREO, make_checkpoint
from support.gates import (
    MOMENTS,
    ROWS,
    Wish,
    check_bits_in_company,
    check_streamed_audio,
    check_strength_zero_and_resuming,
    check_tokens_in_company,
)
from support.takes import library_codes_said
from torch import Tensor

from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers

PLANS = {
    "text": TINY,
    "stereo": TINY_STEREO,
    "melody": TINY_MELODY,
    "stereo-melody": replace(TINY_MELODY, name="tiny-stereo-melody-1", channel_count=2),
}


@pytest.fixture(scope="module", params=list(PLANS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = make_checkpoint(tmp_path_factory.mktemp("models") / "checkpoint", PLANS[request.param])
    return load_transformers(str(folder), Settings(), keep_library=True)


@pytest.fixture(scope="module")
def library_codes(model: LoadedModel) -> Any:
    """What `generate` says to a wish, asked once."""
    known: dict[str, Tensor] = {}

    def ask(model: LoadedModel, wish: Wish) -> Tensor:
        if wish.prompt not in known:
            known[wish.prompt] = _generated(model, wish)
        return known[wish.prompt]

    return ask


def _generated(model: LoadedModel, wish: Wish) -> Tensor:
    """Codes `[codebooks, frames]` of transformers' own `generate`, greedily, with guidance 3."""
    with library_codes_said(model) as said:
        inputs = dict(model.encode_text.tokenizer([wish.prompt], return_tensors="pt"))  # type: ignore[attr-defined]
        if wish.melody is not None:
            inputs["input_features"] = wish.melody[None]
        steps = wish.frame_count + model.config.delay_max
        with torch.inference_mode():
            model.library.generate(**inputs, do_sample=False, guidance_scale=3.0, max_new_tokens=steps)
    return torch.stack(said, dim=1).flatten(0, 1)  # the channels' codebooks take turns


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_tokens_in_company_are_those_alone_and_the_librarys(
    model: LoadedModel, rows: int, moment: str, library_codes: Any
) -> None:
    check_tokens_in_company(model, rows, moment, library_codes)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_company_changes_no_bit(model: LoadedModel, rows: int, moment: str) -> None:
    check_bits_in_company(model, rows, moment)


def test_streamed_audio_is_the_librarys_decode(model: LoadedModel) -> None:
    channels, codec = model.config.channel_count, model.library.audio_encoder

    def one_shot(codes: Tensor) -> Tensor:
        with torch.inference_mode():
            parts = [codec.decode(codes[channel::channels][None, None], [None]) for channel in range(channels)]
        return torch.cat([part.audio_values[0] for part in parts])

    check_streamed_audio(model, one_shot)


@pytest.mark.parametrize("prefix", [1, 3, 4, 15])
def test_strength_zero_and_resuming_change_nothing(model: LoadedModel, prefix: int) -> None:
    check_strength_zero_and_resuming(model, prefix)
