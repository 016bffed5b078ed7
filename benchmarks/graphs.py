"""CUDA graph benchmark against transformers' generate and memory bandwidth.

Without a GPU it is skipped, and the reason is given.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.support.checkpoints import CheckpointPlan, make_checkpoint

from benchmarks.arms import Arm, interleaved, ratio
from benchmarks.models import SMALL
from benchmarks.steps import PROMPT, generate_by_library
from resonance.settings import Settings
from resonance_model.config import DecoderConfig
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.static_batch import StaticBatch, open_static_batch
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

# facebook/musicgen-large: 48 layers of 2048 with 32 heads; text and codec as small's.
LARGE = replace(SMALL, name="musicgen-large-shape-1", hidden_size=2048, layer_count=48, head_count=32)
SHAPES: dict[str, CheckpointPlan] = {"small": SMALL, "large": LARGE}
NO_DEVICE = "cannot run here: no CUDA device"
_PLACES = 8
_COPIED_BYTES = 1 << 30


def figure_names(shape: str) -> tuple[str, ...]:
    """Names of the figures of a shape."""
    names = ("graph_vs_hf", "graph_vs_hf_static_cache", "graph_vs_eager", "bandwidth_share", "batch8_vs_1")
    return tuple(f"cuda_{shape}_{name}" for name in names)


def measure(folder: Path, *, rounds: int, frames: int) -> dict[str, Any]:
    """Figures of every shape in fp16 with random weights. Without a CUDA device: names of all figures with the reason."""
    if not torch.cuda.is_available():
        return {
            "ratios": {},
            "arms": {},
            "absent": {name: NO_DEVICE for shape in SHAPES for name in figure_names(shape)},
        }
    found: dict[str, Any] = {"ratios": {}, "arms": {"cuda_device": torch.cuda.get_device_name()}, "absent": {}}
    for shape, plan in SHAPES.items():
        ratios, arms = _measure(folder, shape, plan, rounds, frames)
        found["ratios"] |= ratios
        found["arms"] |= arms
        torch.cuda.empty_cache()
    return found


def _measure(
    folder: Path, shape: str, plan: CheckpointPlan, rounds: int, frames: int
) -> tuple[dict[str, float], dict[str, Any]]:
    path = folder / plan.name
    if not path.exists():
        make_checkpoint(path, plan)
    model = load_model(Settings(model=str(path), device="cuda", precision="fp16"), keep_library=True)
    model.library.decoder.half().cuda()
    model.library.enc_to_dec_proj.half().cuda()
    model.library.text_encoder.half()
    steps = frames + model.config.delay_max
    static_batch = open_static_batch(model.decoder, place_count=_PLACES)
    assert static_batch is not None
    source = torch.empty(_COPIED_BYTES, dtype=torch.uint8, device="cuda")
    arms: dict[str, Arm] = {
        "hf_generate": partial(generate_by_library, model, steps),
        "hf_generate_static_cache": partial(generate_by_library, model, steps, cache_implementation="static"),
        "eager": partial(_play, model, None, frames, 1),
        "graphs": partial(_play, model, static_batch, frames, 1),
        "graphs_8": partial(_play, model, static_batch, frames, _PLACES),
        "copy": partial(_copy, source, torch.empty_like(source)),
    }
    timings = interleaved(arms, rounds=rounds)
    weights_s = steps * weight_bytes(model.config) / (2 * _COPIED_BYTES / timings["copy"].median_s)
    ratios = {
        "graph_vs_hf": ratio(timings["hf_generate"], timings["graphs"]),
        "graph_vs_hf_static_cache": ratio(timings["hf_generate_static_cache"], timings["graphs"]),
        "graph_vs_eager": ratio(timings["eager"], timings["graphs"]),
        "bandwidth_share": weights_s / timings["graphs"].median_s,
        "batch8_vs_1": _PLACES * ratio(timings["graphs"], timings["graphs_8"]),
    }
    named = {f"cuda_{shape}_{name}": value for name, value in ratios.items()}
    return named, {f"cuda_{shape}_{name}": timing.as_json() for name, timing in timings.items()}


def weight_bytes(config: DecoderConfig) -> int:
    """Bytes of fp16 weights that a step reads: matrices of the layers and the heads, without caches and norms."""
    hidden = config.hidden_size
    layer = (
        6 * hidden * hidden + 2 * hidden * config.feed_forward_size
    )  # fused QKV, output, the text's query and output
    return 2 * (config.layer_count * layer + config.codebook_count * config.vocabulary_size * hidden)


def _copy(source: torch.Tensor, target: torch.Tensor) -> None:
    target.copy_(source)
    torch.cuda.synchronize()


@torch.inference_mode()
def _play(model: LoadedModel, static_batch: StaticBatch | None, frames: int, count: int) -> None:
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    sequences = [
        TokenSequence(
            model.decoder,
            CacheSlot(model.config, conditioning),
            Sampling(guidance_scale=3.0, temperature=1.0, top_k=250, seed=seed),
            frame_count=frames,
            window_steps=1504,
            context_frames=750,
        )
        for seed in range(count)
    ]
    if static_batch is not None:
        static_batch.assign([sequence.slot for sequence in sequences])
    while not sequences[0].is_finished:
        advance(model.decoder, sequences, static_batch)
