"""Streamed codec decoding equals whole decoding, for any chunks.

It holds for any configuration of the codec.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.checkpoints import TINY, CheckpointPlan, make_checkpoint
from torch import Tensor

from resonance.errors import Unsupported
from resonance.settings import Settings
from resonance_model.codec.receptive_field import derive_receptive_field
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers


def decode_streamed(model: LoadedModel, codes: Tensor, sizes: list[int]) -> Tensor:
    stream, parts, start = model.codec.open_stream(), [], 0
    for size in sizes:
        parts.append(stream.push(codes[:, start : start + size]))
        start += size
    parts.append(stream.finish(codes[:, start:]))
    return torch.cat(parts, dim=1)


def decode_at_once(model: LoadedModel, codes: Tensor) -> Tensor:
    with torch.inference_mode():
        audio: Tensor = model.library.audio_encoder.decode(codes[None, None], [None]).audio_values[0]
    return audio


def random_codes(model: LoadedModel, frame_count: int) -> Tensor:
    return torch.randint(0, model.config.vocabulary_size, (model.config.codebook_count, frame_count))


@pytest.mark.parametrize("seed", range(8))
def test_streaming_equals_decoding_at_once(tiny: LoadedModel, seed: int) -> None:
    chance = random.Random(seed)
    codes = random_codes(tiny, 90)
    sizes = [chance.choice([1, 2, 3, 4, 7, 10, 25]) for _ in range(chance.randint(1, 9))]
    torch.testing.assert_close(decode_streamed(tiny, codes, sizes), decode_at_once(tiny, codes), atol=1e-6, rtol=0)


def test_samples_are_never_more_than_four_frames_late(tiny: LoadedModel) -> None:
    stream = tiny.codec.open_stream()
    assert stream.lag_frames == 4
    samples = stream.push(random_codes(tiny, 30))
    assert samples.shape[1] == (30 - 4) * 320


def test_a_lag_of_three_frames_would_be_wrong(tiny: LoadedModel) -> None:
    """A code 4 frames later still changes a frame's samples: no smaller lag is exact."""
    codes = random_codes(tiny, 30)
    other = codes.clone()
    other[:, 13] = (other[:, 13] + 1) % tiny.config.vocabulary_size
    one, two = decode_at_once(tiny, codes), decode_at_once(tiny, other)
    changed = (one != two).nonzero()[:, 1].min().item() // 320
    assert 13 - changed == 4


VARIANTS = (
    replace(TINY, name="shortcut", use_conv_shortcut=True),
    replace(TINY, name="odd", codec_ratios=(5, 4, 3), pad_mode="constant"),
    replace(TINY, name="musicgen", codec_ratios=(8, 5, 4, 4), sample_rate_hz=32_000),
)


@pytest.mark.parametrize("plan", VARIANTS, ids=lambda plan: plan.name)
def test_every_published_variant_streams_exactly(tmp_path: Path, plan: CheckpointPlan) -> None:
    model = load_transformers(str(make_checkpoint(tmp_path / plan.name, plan)), Settings(), keep_library=True)
    codes = random_codes(model, 40)
    torch.testing.assert_close(
        decode_streamed(model, codes, [1, 9, 9, 3, 10]), decode_at_once(model, codes), atol=1e-6, rtol=0
    )


def test_a_codec_that_normalises_over_time_is_refused() -> None:
    with pytest.raises(Unsupported, match="normalises over time"):
        derive_receptive_field(
            kernel=7,
            last_kernel=7,
            residual_kernel=3,
            ratios=(8, 5),
            residual_count=1,
            dilation_growth=2,
            is_causal=False,
            trim_right_ratio=1.0,
            norm="time_group_norm",
            channel_count=1,
        )


def test_the_published_musicgen_codec_looks_three_and_one_frames_ahead() -> None:
    receptive_field = derive_receptive_field(
        kernel=7,
        last_kernel=7,
        residual_kernel=3,
        ratios=(8, 5, 4, 4),
        residual_count=1,
        dilation_growth=2,
        is_causal=False,
        trim_right_ratio=1.0,
        norm="weight_norm",
        channel_count=1,
    )
    assert (
        receptive_field.first_right,
        receptive_field.upsample_left,
        receptive_field.upsample_right,
        receptive_field.hop,
    ) == (3, 1, 1, 640)


def test_encoding_gives_one_frame_per_hop(tiny: LoadedModel) -> None:
    codes = tiny.codec.encode(torch.rand(16_000) - 0.5)
    assert codes.shape == (4, 50)
