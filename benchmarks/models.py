"""Benchmark models: the embedded one, random weights of musicgen-small's shape."""

from __future__ import annotations

from pathlib import Path

from tests.support.checkpoints import CheckpointPlan, make_checkpoint

from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

# facebook/musicgen-small: 24 layers of 1024 with 16 heads, T5-base's width, EnCodec at 32 kHz with 64 filters.
SMALL = CheckpointPlan(
    name="musicgen-small-shape-1",
    hidden_size=1024,
    layer_count=24,
    head_count=16,
    vocabulary_size=2048,
    text_size=768,
    text_layer_count=12,
    codec_filters=64,
    codec_ratios=(8, 5, 4, 4),
    codec_hidden=128,
    sample_rate_hz=32_000,
)


def small_shape(folder: Path, precision: str = "fp32", *, keep_library: bool = True) -> LoadedModel:
    """Random weights at musicgen-small's shape, written once below the folder."""
    path = folder / SMALL.name
    if not path.exists():
        make_checkpoint(path, SMALL)
    return load_model(Settings(model=str(path), precision=precision), keep_library=keep_library)


def embedded(folder: Path, precision: str = "fp32") -> LoadedModel:
    """The embedded model."""
    return load_model(Settings(data_dir=folder, precision=precision), keep_library=True)
