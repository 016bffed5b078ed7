"""The beat tracker in its child process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from resonance_generate.takes.tempo import estimate_tempo_in_child

RATE_HZ = 16_000


async def test_the_child_hears_clicks_and_shares_no_machine_code_with_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "ours"))
    samples = np.zeros(6 * RATE_HZ, np.int16)
    for start in range(0, len(samples) - 800, RATE_HZ // 2):
        samples[start : start + 800] = 12_000 * np.hanning(800)
    heard = await estimate_tempo_in_child(samples.tobytes(), RATE_HZ)
    assert heard is not None
    assert min(abs(heard / octave - 1) for octave in (60, 120, 240)) < 0.05
    assert not (tmp_path / "ours").exists()
    assert list((tmp_path / "ours-tempo").rglob("*.nbi"))
