"""Four exactness gates through transformers: text, stereo, melody checkpoints.

1, 3 and 8 slots have different lengths.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from support.checkpoints import TINY, TINY_MELODY, TINY_STEREO, make_checkpoint
from support.gates import (
    MOMENTS,
    SLOT_COUNTS,
    TakeSpec,
    check_bits_in_company,
    check_streamed_audio,
    check_strength_zero_and_resuming,
    check_tokens_in_company,
)
from support.takes import captured_library_codes
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
    """Codes of `generate` for a take, computed once."""
    known: dict[str, Tensor] = {}

    def ask(model: LoadedModel, spec: TakeSpec) -> Tensor:
        if spec.prompt not in known:
            known[spec.prompt] = _generated(model, spec)
        return known[spec.prompt]

    return ask


def _generated(model: LoadedModel, spec: TakeSpec) -> Tensor:
    """Codes `[codebooks, frames]` of transformers' own `generate`, greedily, with guidance 3."""
    with captured_library_codes(model) as captured:
        inputs = dict(model.encode_text.tokenizer([spec.prompt], return_tensors="pt"))  # type: ignore[attr-defined]
        if spec.melody is not None:
            inputs["input_features"] = spec.melody[None]
        steps = spec.frame_count + model.config.delay_max
        with torch.inference_mode():
            model.library.generate(**inputs, do_sample=False, guidance_scale=3.0, max_new_tokens=steps)
    return torch.stack(captured, dim=1).flatten(0, 1)  # the channels' codebooks alternate


@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_tokens_in_company_are_those_alone_and_the_librarys(
    model: LoadedModel, slot_count: int, moment: str, library_codes: Any
) -> None:
    check_tokens_in_company(model, slot_count, moment, library_codes)


@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_company_changes_no_bit(model: LoadedModel, slot_count: int, moment: str) -> None:
    check_bits_in_company(model, slot_count, moment)


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
