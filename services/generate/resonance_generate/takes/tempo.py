"""Tempo estimation (librosa's tempogram, Grosche et al. 2010) in a child process of low priority.

librosa compiles on first use, for many seconds of CPU. In a child of low priority no engine step waits for it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_SECONDS_MIN = 3.0
SECONDS_MAX = 60.0
_WAIT_S_MAX = 120.0
_PULSE_MIN = 0.1


async def estimate_tempo_in_child(pcm: bytes, sample_rate_hz: int) -> float | None:
    """Beats per minute of mono 16-bit PCM; None where the take is too short or has no clear pulse.

    Raises:
        OSError: the child process failed or took too long.
    """
    head = pcm[: 2 * int(SECONDS_MAX * sample_rate_hz)]
    if len(head) < 2 * _SECONDS_MIN * sample_rate_hz:
        return None
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "resonance_generate.takes.tempo", str(sample_rate_hz)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        output, _ = await asyncio.wait_for(child.communicate(head), _WAIT_S_MAX)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise OSError(f"the beat tracker ended with {child.returncode}")
    return float(output) if output.strip() else None


def estimate_tempo(pcm: bytes, sample_rate_hz: int) -> float | None:
    """Beats per minute of mono 16-bit PCM, or None. Runs in the child process."""
    from librosa.feature import tempo
    from librosa.onset import onset_strength

    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
    onsets = onset_strength(y=samples, sr=sample_rate_hz)
    if onsets.std() < _PULSE_MIN:
        return None
    return round(float(tempo(onset_envelope=onsets, sr=sample_rate_hz)[0]), 1)


def _environment() -> dict[str, str]:
    """Environment of the child, with a numba cache of its own, which only children under the lock of `_one_at_a_time` write."""
    cache = os.environ.get("NUMBA_CACHE_DIR")
    return {**os.environ, **({"NUMBA_CACHE_DIR": f"{cache}-tempo"} if cache else {})}


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Holds a lock file of this machine.

    Two children that compile librosa for the first time at once can write each other's machine code into numba's cache under the wrong
    name. Every process that loads it crashes from then on (seen twice).
    """
    with (Path(tempfile.gettempdir()) / f"resonance-tempo-{os.getuid()}.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # closing the file releases it
        yield


if __name__ == "__main__":
    os.nice(15)
    pcm = sys.stdin.buffer.read()
    with _one_at_a_time():
        bpm = estimate_tempo(pcm, int(sys.argv[1]))
    print("" if bpm is None else bpm)
