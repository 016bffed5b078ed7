"""Tempo estimation in a child process of low priority.

The method is librosa's tempogram (Grosche et al. 2010).

librosa compiles on first use, for many seconds of CPU. In a child of low priority no engine step waits for it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from filelock import FileLock

from resonance.audio.confinement import die_with_parent
from resonance.audio.sandbox import run_child

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
    with tempfile.TemporaryDirectory(prefix="tempo-") as folder:
        path = Path(folder) / "pcm"
        await asyncio.to_thread(path.write_bytes, head)
        result = await run_child(
            "resonance_generate.takes.tempo",
            [str(path), str(sample_rate_hz), _lock_path()],
            folder=Path(folder),
            timeout_s=_WAIT_S_MAX,
            environment=_environment(),
        )
    if result.timed_out or result.return_code != 0:
        raise OSError(f"the beat tracker ended with {result.return_code}")
    line = result.lines[-1].strip() if result.lines else b""
    return float(line) if line else None


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
    """Environment of the child: a numba cache of its own, which only children under the lock of `_lock_path` write."""
    cache = os.environ.get("NUMBA_CACHE_DIR")
    return {"NUMBA_CACHE_DIR": f"{cache}-tempo"} if cache else {"HOME": str(Path.home())}


def _lock_path() -> str:
    """Lock file of this machine, under which one child runs at a time. The child's own temporary folder is another one.

    Two children that compile librosa for the first time at once can write each other's machine code into numba's cache under the wrong
    name. Every process that loads it crashes from then on (seen twice).
    """
    return str(Path(tempfile.gettempdir()) / f"resonance-tempo-{os.getuid()}.lock")


if __name__ == "__main__":
    die_with_parent()
    os.nice(15)
    with FileLock(sys.argv[3]):
        bpm = estimate_tempo(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))
    print("" if bpm is None else bpm)
