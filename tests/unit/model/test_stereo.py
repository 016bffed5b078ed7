"""Stereo checkpoints: alternating codebooks, compared with transformers' `generate`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.checkpoints import TINY_STEREO, make_checkpoint
from support.takes import PROMPTS, build_sequence, captured_library_codes, codes_alone, run
from torch import Tensor

from resonance.settings import Settings
from resonance.store.memory import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.build import open_generate
from resonance_model.activations import read_clip
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers

FRAMES = 24


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = make_checkpoint(tmp_path_factory.mktemp("models") / "stereo", TINY_STEREO)
    return load_transformers(str(folder), Settings(), keep_library=True)


def library_take(model: LoadedModel, prompt: str, frame_count: int) -> tuple[Tensor, Tensor]:
    """Codes `[codebooks, frames]` and samples `[channels, n]` of transformers' own `generate`, greedily, with guidance 3."""
    with captured_library_codes(model) as captured:
        tokens = model.encode_text.tokenizer([prompt], return_tensors="pt")  # type: ignore[attr-defined]
        with torch.inference_mode():
            samples = model.library.generate(
                **tokens, do_sample=False, guidance_scale=3.0, max_new_tokens=frame_count + model.config.delay_max
            )
    left, right = captured
    codes = torch.stack([left, right], dim=1).flatten(0, 1)
    return codes, samples[0]


def test_the_config_has_the_channel_count(stereo: LoadedModel) -> None:
    assert (stereo.config.codebook_count, stereo.config.channel_count, stereo.config.delay_max) == (8, 2, 3)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_tokens_and_samples_equal_the_librarys(stereo: LoadedModel, prompt: str) -> None:
    codes, samples = library_take(stereo, prompt, FRAMES)
    ours = codes_alone(stereo, prompt, frame_count=FRAMES)
    assert torch.equal(ours, codes)
    stream = stereo.codec.open_stream()
    parts = [stream.push(ours[:, at : at + 5]) for at in range(0, 20, 5)] + [stream.finish(ours[:, 20:])]
    torch.testing.assert_close(torch.cat(parts, dim=1), samples, atol=1e-5, rtol=0)


def test_company_and_a_moved_window_change_nothing(stereo: LoadedModel) -> None:
    options: dict[str, Any] = {"frame_count": 50, "temperature": 1.0, "window_steps": 40, "context_frames": 18}
    sequences = [build_sequence(stereo, prompt, seed=seed, **options) for seed, prompt in enumerate(PROMPTS[:3])]
    run(stereo, sequences, joins=[0, 1, 9])
    for seed, sequence in enumerate(sequences):
        alone = codes_alone(stereo, PROMPTS[seed], seed=seed, **options)
        assert torch.equal(sequence.frames(0, 50), alone)
        begun = build_sequence(stereo, PROMPTS[seed], seed=seed, **options)
        given = np.full((8, 50), -1)
        given[:, :45] = alone[:, :45]
        begun.start_from_tokens(given)
        with torch.inference_mode():
            while begun.needs_prefill:
                begun.prefill(16)
        run(stereo, [begun])
        assert torch.equal(begun.frames(0, 50), alone)


def test_a_mono_clip_is_encoded_on_both_channels(stereo: LoadedModel) -> None:
    stats = read_clip(stereo, torch.randn(16_000) * 0.1)
    assert stats.mean.shape == (3, 32)
    assert stats.count == 50 + 3


async def generate(parts: Any, request: generate_pb2.GenerateRequest) -> AsyncIterator[Any]:
    async for response in parts.service.Generate(request, None):
        yield response


async def test_a_stereo_take_streams_resumes_and_replays_alike(stereo: LoadedModel) -> None:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")])
    request = generate_pb2.GenerateRequest(request_id="wide", recipe=recipe, duration_s=2, seed=1)
    async with open_generate(Settings(), MemoryStore(), stereo) as parts:
        events = [event async for event in generate(parts, request)]
        assert events[0].started.format.channel_count == 2
        assert events[0].started.sample_count_total == 32_000
        whole = b"".join(event.chunk.data for event in events)
        assert len(whole) == 2 * 2 * 32_000
        assert sum(event.chunk.sample_count for event in events) == 32_000
        end: audio_pb2.StreamEnd = events[-1].finished.end
        assert end.sample_count_total == 32_000
        left, right = np.frombuffer(whole, "<i2").reshape(-1, 2).T
        assert not np.array_equal(left, right)
        for offset in (1, 12_345):
            request.resume_sample_offset = offset
            again = b"".join([event.chunk.data async for event in generate(parts, request)])
            assert again == whole[4 * offset :]
