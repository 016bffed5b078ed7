"""Tempo estimation in its child process."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from resonance_generate.takes.tempo import estimate_tempo_in_child

RATE_HZ = 16_000
CLICKS = np.zeros(6 * RATE_HZ, np.int16)
for start in range(0, len(CLICKS) - 800, RATE_HZ // 2):
    CLICKS[start : start + 800] = 12_000 * np.hanning(800)


async def test_the_child_measures_clicks() -> None:
    """With librosa's machine code of earlier runs, where there is some."""
    bpm = await estimate_tempo_in_child(CLICKS.tobytes(), RATE_HZ)
    assert bpm is not None
    assert min(abs(bpm / octave - 1) for octave in (60, 120, 240)) < 0.05


COMPILED = """
import numba
import numpy as np

@numba.njit(cache=True)
def spread(samples):
    return samples.max() - samples.min()

def onset_strength(y, sr):
    return np.array([0.0, spread(y)])

def tempo(onset_envelope, sr):
    return [90.0 + onset_envelope[0]]
"""


async def test_the_child_shares_no_machine_code_with_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one compiled function in place of librosa, which takes minutes to compile anew."""
    package = tmp_path / "librosa"
    package.mkdir()
    (package / "__init__.py").touch()
    for module in ("feature", "onset"):
        (package / f"{module}.py").write_text(COMPILED)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "ours"))
    assert await estimate_tempo_in_child(CLICKS.tobytes(), RATE_HZ) == 90.0
    assert not (tmp_path / "ours").exists()
    assert list((tmp_path / "ours-tempo").rglob("*.nbi"))
