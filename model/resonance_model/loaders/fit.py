"""Memory that a checkpoint needs, beside what this machine has free.

The sizes follow from the configuration, before a weight is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resonance.errors import Unsupported
from resonance_model.config import DecoderConfig
from resonance_model.loaders.checkpoint_files import stored_sizes

# Resident memory of the all-in-one process without a model's weights and caches: libraries, their machine code, thread pools.
# Measured with the embedded model; see benchmarks/results/memory.md.
PROCESS_BYTES = 520 * 2**20
# Working memory of reading a clip of ten seconds at 32 kHz: the first layers of the codec have 64 channels at the full rate.
WORK_BYTES_PER_SAMPLE = 4 * 64 * 4
_WEIGHT_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.0}
_CACHE_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Bytes that a process with this model needs.

    `weights` are decoder, text encoder and codec as they are kept. `take` is the cache of one take of the whole window. `work` is
    what reading music takes for a moment.
    """

    weights: int
    take: int
    work: int

    @property
    def least(self) -> int:
        """With one take and one reading at a time."""
        return PROCESS_BYTES + self.weights + self.take + self.work


def estimate_need(config: Any, decoder: DecoderConfig, precision: str, *, library: int) -> MemoryNeed:
    """The need of a checkpoint in transformers' layout. `library` is `count_library_parameters`."""
    hidden, layers = decoder.hidden_size, decoder.layer_count
    attention = 4 * hidden * hidden * (1 if _has_prefix(config) else 2)
    matrices = layers * (attention + 2 * hidden * decoder.feed_forward_size)
    matrices += decoder.codebook_count * decoder.vocabulary_size * hidden
    tables = decoder.codebook_count * (decoder.vocabulary_size + 1) * hidden + decoder.text_size * hidden
    cache = 2 * 2 * layers * hidden * decoder.window_steps * _CACHE_BYTES[precision]
    return MemoryNeed(
        weights=round(matrices * _WEIGHT_BYTES[precision] + tables * _CACHE_BYTES[precision] + 4 * library),
        take=cache,
        work=10 * config.audio_encoder.sampling_rate * WORK_BYTES_PER_SAMPLE // 4,
    )


def _has_prefix(config: Any) -> bool:
    """True for melody models, which read the text before the music and have no cross-attention."""
    return bool(config.model_type == "musicgen_melody")


def count_library_parameters(config: Any, source: str) -> int:
    """Parameters of text encoder and codec, which stay as the library built them: by the files' headers, else by the configuration."""
    sizes = stored_sizes(source)
    if sizes:
        return sum(size for name, size in sizes.items() if not name.startswith("decoder."))
    from transformers import AutoModel, AutoModelForTextEncoding

    with torch.device("meta"):  # nothing is allocated
        parts = (
            AutoModelForTextEncoding.from_config(config.text_encoder),
            AutoModel.from_config(config.audio_encoder),
        )
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def free_bytes() -> tuple[int, int]:
    """Memory that this machine has, and how much of it is free for this process; the control group's limit where it is less."""
    values = _read_meminfo()
    total = values.get("MemTotal", 0) or _total_by_sysconf()
    free = values.get("MemAvailable", total)
    limit, used = _read_cgroup()
    if limit is not None and limit < total:
        total, free = limit, min(free, max(0, limit - used))
    return total, free


def check_fit(name: str, need: MemoryNeed, precision: str, smaller: MemoryNeed, *, total: int, free: int) -> None:
    """Raises Unsupported where the model does not fit. `smaller` is the need in int8."""
    if need.least <= free:
        return
    if precision != "int8" and smaller.least <= free:
        advice = f"RESONANCE_PRECISION=int8 needs {gib(smaller.least)}"
    else:
        advice = "name a smaller checkpoint in RESONANCE_MODEL"
    message = f"{name} in {precision} needs {gib(need.least)} of memory, and {gib(free)} of this machine's {gib(total)} are free: {advice}"
    raise Unsupported(message, reason="MODEL_TOO_LARGE")


def gib(size: int) -> str:
    """A size in gigabytes of 2^30 bytes."""
    return f"{size / 2**30:.1f} GiB"


def _read_meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def _total_by_sysconf() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 2**63  # unknown: nothing is refused


def _read_cgroup() -> tuple[int | None, int]:
    """Limit and use of this process's control group (version 2), without the cache of files, which the kernel gives up."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit, used - int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None, 0
