"""CUDA graphs on a real GPU, against the CPU and against themselves. Skipped, saying so, where there is none."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gates import MOMENTS, ROWS, joins_of, wishes_of
from support.takes import PROMPTS, codes_alone, run, voice_of

from resonance.errors import Unsupported
from resonance.settings import Settings
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_model.decoder.static_batch import LENGTH_BLOCK, StaticBatch, open_static_batch
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="cannot run here: torch finds no CUDA device"),
]


def loaded(folder: Path, precision: str) -> LoadedModel:
    return load_model(Settings(model=str(folder), device="cuda", precision=precision))


@pytest.fixture(scope="module")
def exact(tiny_folder: Path) -> LoadedModel:
    return loaded(tiny_folder, "fp32")


def stage_of(model: LoadedModel, places: int = 8) -> StaticBatch:
    stage = open_static_batch(model.decoder, place_count=places)
    assert stage is not None
    return stage


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("rows", ROWS)
def test_graphed_tokens_are_the_cpus(exact: LoadedModel, tiny: LoadedModel, rows: int, moment: str) -> None:
    """Also: who joins or leaves changes nobody, since the CPU's are those of each alone."""
    wishes = wishes_of(exact, rows)
    options: list[dict[str, Any]] = [wish.options(temperature=float(place % 2)) for place, wish in enumerate(wishes)]
    voices = [voice_of(exact, wish.prompt, **each) for wish, each in zip(wishes, options, strict=True)]
    run(exact, voices, joins_of(exact, moment, rows), stage=stage_of(exact))
    for wish, each, voice in zip(wishes, options, voices, strict=True):
        assert torch.equal(voice.frames(0, wish.frame_count), codes_alone(tiny, wish.prompt, **each))


def test_graphed_tokens_stay_the_cpus_across_blocks(exact: LoadedModel, tiny: LoadedModel) -> None:
    frames = LENGTH_BLOCK + 20
    voices = [voice_of(exact, PROMPTS[0], frame_count=frames), voice_of(exact, PROMPTS[1], frame_count=30)]
    run(exact, voices, [0, LENGTH_BLOCK - 10], stage=stage_of(exact, 2))
    assert torch.equal(voices[0].frames(0, frames), codes_alone(tiny, PROMPTS[0], frame_count=frames))
    assert torch.equal(voices[1].frames(0, 30), codes_alone(tiny, PROMPTS[1], frame_count=30))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_near(tiny_folder: Path, tiny: LoadedModel, precision: str) -> None:
    model = loaded(tiny_folder, precision)
    half, whole = (voice_of(each, PROMPTS[0], frame_count=20) for each in (model, tiny))
    with torch.inference_mode():
        for _ in range(10):
            tokens = whole.inputs()[None]
            near = model.decoder.advance([half.slot], tokens.cuda()).cpu()
            logits = tiny.decoder.advance([whole.slot], tokens)
            assert (near - logits).abs().max() < 0.05 * logits.abs().max()
            whole.accept(logits[0, 0].argmax(-1))


def test_a_launched_step_waits_for_nothing(exact: LoadedModel) -> None:
    voices = [voice_of(exact, prompt, frame_count=20) for prompt in PROMPTS[:3]]
    stage = stage_of(exact, 4)
    told: Any = (
        [voice.slot for voice in voices],
        torch.stack([voice.inputs() for voice in voices]),
        [voice.sampling for voice in voices],
        [0, 0, 0],
    )
    with torch.inference_mode():
        stage.seat(told[0])
        stage.launch(*told)
        torch.cuda.set_sync_debug_mode("error")
        try:
            stage.launch(*told)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_streamed_sound_is_the_cpus_within_a_ten_thousandth(exact: LoadedModel, tiny: LoadedModel) -> None:
    codes = torch.randint(0, tiny.config.vocabulary_size, (tiny.config.codebook_count, 60))
    heard = []
    for model in (exact, tiny):
        stream = model.codec.open_stream()
        parts = [stream.push(codes[:, start : start + 12]) for start in range(0, 60, 12)] + [stream.finish()]
        heard.append(torch.cat(parts, dim=1).cpu())
    torch.testing.assert_close(heard[0], heard[1], atol=1e-4, rtol=0)


async def test_the_engine_plays_on_the_gpu(exact: LoadedModel) -> None:
    engine = Engine(exact, slot_count=2, queue_places=2, stall_s_max=5, static_batch=stage_of(exact, 2))
    engine.start()
    try:
        first, again = await _heard(engine), await _heard(engine)
    finally:
        await asyncio.to_thread(engine.stop)
    assert first == again
    assert len(first) == 2 * exact.description.sample_rate_hz


async def _heard(engine: Engine) -> bytes:
    score = GenerationParams(
        recipe_id="r", prompts=(("jazz", 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
    )
    job = EngineRequest(
        request_id="a",
        params=score,
        seed=1,
        frame_count=engine.model.description.frame_rate_hz,
        chunk_frames=25,
        stream=ChunkStream(asyncio.get_running_loop(), samples_max=10_000_000),
    )
    engine.submit(job)
    async with aclosing(job.stream):
        return b"".join([piece.pcm async for piece in job.stream])


def test_int8_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(Unsupported, match="int8"):
        loaded(tiny_folder, "int8")
