"""Tempo and key of a finished take, heard in a child process of low priority.

In a child no engine step waits for the arithmetic. It needs numpy alone and about half a second of CPU, most of it for starting.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resonance.audio.confinement import die_with_parent
from resonance.audio.sandbox import run_child
from resonance_generate.takes.key import hear_key
from resonance_generate.takes.tempo import hear_tempo

SECONDS_MIN = 3.0
SECONDS_MAX = 60.0
_WAIT_S_MAX = 300.0
# Below the engine's priority, and yet a share of a busy machine that suffices: at 15 the child took minutes beside two busy cores.
NICENESS = 10

# The fields of HeardMusic.
Heard = dict[str, Any]


async def hear_in_child(pcm: bytes, sample_rate_hz: int, told_bpm: float | None = None) -> Heard:
    """Tempo and key of mono 16-bit PCM; see `hear`. A child that fails or takes too long is named as the reason for both."""
    head = pcm[: 2 * int(SECONDS_MAX * sample_rate_hz)]
    arguments = [str(sample_rate_hz), "" if told_bpm is None else str(told_bpm)]
    heard = await measure_in_child("resonance_generate.takes.hearing", head, arguments)
    if isinstance(heard, str):
        return {"no_bpm": heard, "no_key": heard}
    return heard


async def measure_in_child(module: str, pcm: bytes, arguments: Sequence[str]) -> dict[str, Any] | str:
    """The JSON that an analysis module prints about a file of 16-bit PCM, in a child process; its failure as a reason in words."""
    with tempfile.TemporaryDirectory(prefix="hearing-") as folder:
        path = Path(folder) / "pcm"
        await asyncio.to_thread(path.write_bytes, pcm)
        result = await run_child(
            module,
            [str(path), *arguments],
            folder=Path(folder),
            timeout_s=_WAIT_S_MAX,
            environment={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    if result.timed_out or result.return_code != 0 or not result.lines:
        return "the machine was too busy" if result.timed_out else "the meters failed"
    measured: dict[str, Any] = json.loads(result.lines[-1])
    return measured


def hear(pcm: bytes, sample_rate_hz: int, told_bpm: float | None = None) -> Heard:
    """Tempo and key of mono 16-bit PCM, each with its confidence or the reason why there is none."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
    if len(samples) < SECONDS_MIN * sample_rate_hz:
        reason = f"shorter than {SECONDS_MIN:g} s"
        return {"no_bpm": reason, "no_key": reason}
    bpm, clarity = hear_tempo(samples, sample_rate_hz, told_bpm)
    key, confidence = hear_key(samples, sample_rate_hz)
    heard: Heard = {"no_bpm": "no steady pulse"} if bpm is None else {"bpm": bpm, "bpm_confidence": round(clarity, 2)}
    heard |= {"no_key": "no clear key"} if key is None else {"key": key.name, "key_confidence": round(confidence, 2)}
    return heard


if __name__ == "__main__":
    die_with_parent()
    os.nice(NICENESS)
    told = float(sys.argv[3]) if sys.argv[3] else None
    print(json.dumps(hear(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), told)))
