"""Fixtures that many tests share: a tiny real model, made once per run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.s3 import s3_server, s3_settings  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from resonance_model.loaded import LoadedModel

# Two OpenMP threads on a busy two-core machine run many times slower than one. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# librosa's machine code is compiled once, alone, before any worker starts: compiled in two workers at once it crashed them.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))
_FIRST_USE = "import sys, pytest; sys.exit(pytest.main(['-q', '-n', '0', 'tests/unit/training/test_meters.py']))"


def pytest_sessionstart() -> None:
    """Compiles it where it is missing."""
    if "PYTEST_XDIST_WORKER" not in os.environ and not Path(os.environ["NUMBA_CACHE_DIR"]).exists():
        Path(os.environ["NUMBA_CACHE_DIR"]).mkdir(parents=True)
        subprocess.run([sys.executable, "-c", _FIRST_USE], check=False, timeout=200, cwd=Path(__file__).parents[1])


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MusicGen checkpoint with three small layers and random weights, in transformers' layout."""
    from benchmarks.checkpoints import TINY, make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", TINY)


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> LoadedModel:
    """The tiny checkpoint, loaded, with the library's own model beside ours."""
    from resonance.settings import Settings
    from resonance_model.loaders.transformers import load_transformers

    return load_transformers(str(tiny_folder), Settings(), keep_library=True)
