"""CUDA graphs on a real GPU, compared with the CPU.

The graphs are also compared with themselves. Without a GPU the tests are skipped.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gates import MOMENTS, SLOT_COUNTS, build_specs, join_steps
from support.takes import PROMPTS, build_sequence, codes_alone, run

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


def build_static_batch(model: LoadedModel, places: int = 8) -> StaticBatch:
    static_batch = open_static_batch(model.decoder, place_count=places)
    assert static_batch is not None
    return static_batch


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
def test_graphed_tokens_are_the_cpus(exact: LoadedModel, tiny: LoadedModel, slot_count: int, moment: str) -> None:
    """Joining and leaving changes no other take, since the CPU's tokens are those of each take alone."""
    specs = build_specs(exact, slot_count)
    options: list[dict[str, Any]] = [spec.options(temperature=float(index % 2)) for index, spec in enumerate(specs)]
    sequences = [build_sequence(exact, spec.prompt, **each) for spec, each in zip(specs, options, strict=True)]
    run(exact, sequences, join_steps(exact, moment, slot_count), static_batch=build_static_batch(exact))
    for spec, each, sequence in zip(specs, options, sequences, strict=True):
        assert torch.equal(sequence.frames(0, spec.frame_count), codes_alone(tiny, spec.prompt, **each))


def test_graphed_tokens_stay_the_cpus_across_blocks(exact: LoadedModel, tiny: LoadedModel) -> None:
    frames = LENGTH_BLOCK + 20
    sequences = [
        build_sequence(exact, PROMPTS[0], frame_count=frames),
        build_sequence(exact, PROMPTS[1], frame_count=30),
    ]
    run(exact, sequences, [0, LENGTH_BLOCK - 10], static_batch=build_static_batch(exact, 2))
    assert torch.equal(sequences[0].frames(0, frames), codes_alone(tiny, PROMPTS[0], frame_count=frames))
    assert torch.equal(sequences[1].frames(0, 30), codes_alone(tiny, PROMPTS[1], frame_count=30))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_near(tiny_folder: Path, tiny: LoadedModel, precision: str) -> None:
    model = loaded(tiny_folder, precision)
    half, whole = (build_sequence(each, PROMPTS[0], frame_count=20) for each in (model, tiny))
    with torch.inference_mode():
        for _ in range(10):
            tokens = whole.inputs()[None]
            near = model.decoder.advance([half.slot], tokens.cuda()).cpu()
            logits = tiny.decoder.advance([whole.slot], tokens)
            assert (near - logits).abs().max() < 0.05 * logits.abs().max()
            whole.accept(logits[0, 0].argmax(-1))


def test_a_launched_step_waits_for_nothing(exact: LoadedModel) -> None:
    sequences = [build_sequence(exact, prompt, frame_count=20) for prompt in PROMPTS[:3]]
    static_batch = build_static_batch(exact, 4)
    arguments: Any = (
        [sequence.slot for sequence in sequences],
        torch.stack([sequence.inputs() for sequence in sequences]),
        [sequence.sampling for sequence in sequences],
        [0, 0, 0],
    )
    with torch.inference_mode():
        static_batch.assign(arguments[0])
        static_batch.launch(*arguments)
        torch.cuda.set_sync_debug_mode("error")
        try:
            static_batch.launch(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_streamed_sound_is_the_cpus_within_a_ten_thousandth(exact: LoadedModel, tiny: LoadedModel) -> None:
    codes = torch.randint(0, tiny.config.vocabulary_size, (tiny.config.codebook_count, 60))
    sounds = []
    for model in (exact, tiny):
        stream = model.codec.open_stream()
        parts = [stream.push(codes[:, start : start + 12]) for start in range(0, 60, 12)] + [stream.finish()]
        sounds.append(torch.cat(parts, dim=1).cpu())
    torch.testing.assert_close(sounds[0], sounds[1], atol=1e-4, rtol=0)


async def test_the_engine_plays_on_the_gpu(exact: LoadedModel) -> None:
    engine = Engine(exact, slot_count=2, queue_places=2, stall_s_max=5, static_batch=build_static_batch(exact, 2))
    engine.start()
    try:
        first, again = await _play(engine), await _play(engine)
    finally:
        await asyncio.to_thread(engine.stop)
    assert first == again
    assert len(first) == 2 * exact.description.sample_rate_hz


async def _play(engine: Engine) -> bytes:
    params = GenerationParams(
        recipe_id="r", prompts=(("jazz", 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
    )
    job = EngineRequest(
        request_id="a",
        params=params,
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
