"""CPU threads of one step: measured at the start for `RESONANCE_MODEL_THREADS=auto`."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
import torch

from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel

LIMIT_S = 8.0
_STEPS = 4  # of one run
_ROUNDS_MAX, _ROUNDS_MIN = 9, 3
# More threads cost the other threads and processes of the machine, so that they must be worth it.
_GAIN_MIN = 1.15
_log = structlog.get_logger("model")


def choose_threads(model: LoadedModel, setting: int | str, *, limit_s: float = LIMIT_S) -> int:
    """Sets the number of threads of torch's operations: the given one, or for `auto` the fastest on this machine for this model."""
    if setting != "auto":
        torch.set_num_threads(int(setting))
        return int(setting)
    if model.decoder.device.type != "cpu":
        torch.set_num_threads(1)
        return 1
    cores = usable_cores()
    step_s = measure(_stepper(model), list_candidates(cores), limit_s=limit_s)
    chosen = choose(step_s)
    torch.set_num_threads(chosen)
    told = ", ".join(f"{count}: {1000 * seconds:.1f} ms a step" for count, seconds in step_s.items())
    _log.info("threads chosen", threads=chosen, cores=cores, measured=told)
    return chosen


def usable_cores() -> int:
    """Cores that this process may use: by its affinity, and by the limit of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no limit, or no such file
        return allowed


def list_candidates(cores: int) -> list[int]:
    """Numbers of threads to try: all of up to eight cores, then powers of two and all cores."""
    if cores <= 8:
        return list(range(1, cores + 1))
    return sorted({1, 2, 3, 4, 6, 8, *(2**power for power in range(4, 9) if 2**power < cores), cores})


def measure(run: Callable[[int], float], candidates: Sequence[int], *, limit_s: float) -> dict[int, float]:
    """Median seconds of a step by number of threads. Short runs take turns, so that other load meets all of them alike.

    `run` takes some steps with that many threads and returns the seconds of one. After `limit_s` the round in hand is the last, and
    numbers that were tried fewer than _ROUNDS_MIN times are left out.
    """
    samples: dict[int, list[float]] = {count: [] for count in candidates}
    until_s = time.monotonic() + limit_s
    for count in candidates:  # warm-up: starts the threads
        if time.monotonic() < until_s:
            run(count)
    for number in range(_ROUNDS_MAX):
        for count in candidates:
            if time.monotonic() < until_s or number == 0:
                samples[count].append(run(count))
    enough = {count: times for count, times in samples.items() if count == 1 or len(times) >= _ROUNDS_MIN}
    return {count: statistics.median(times) for count, times in enough.items() if times}


def choose(step_s: dict[int, float]) -> int:
    """The fastest number; one thread unless another number is clearly faster, and of two that are alike the smaller."""
    best = min(step_s.values())
    if step_s[1] < _GAIN_MIN * best:
        return 1
    return min(count for count, seconds in step_s.items() if seconds <= 1.03 * best)


def _stepper(model: LoadedModel) -> Callable[[int], float]:
    states = model.encode_text(["music"])[0]
    slot = CacheSlot(model.config, model.decoder.condition([(states, 1.0)]))
    steps = model.config.window_steps
    sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=50, seed=1)
    sequence = TokenSequence(
        model.decoder, slot, sampling, frame_count=None, window_steps=steps, context_frames=steps // 2
    )

    @torch.inference_mode()
    def run(count: int) -> float:
        torch.set_num_threads(count)
        started_s = time.perf_counter()
        for _ in range(_STEPS):
            advance(model.decoder, [sequence])
        return (time.perf_counter() - started_s) / _STEPS

    return run
