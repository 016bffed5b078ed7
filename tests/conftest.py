"""Session fixtures: a tiny model, an S3 server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from support.s3 import s3_server, s3_settings  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from resonance_model.loaded_model import LoadedModel

# Two OpenMP threads on a busy two-core machine run many times slower than one. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Each pytest worker has a folder of its own for librosa's machine code (the training meters use it). Two processes that compile
# at once in a fresh environment can write each other's code under the wrong name, and the process that loads it
# crashes. Not `setdefault`: workers inherit the variable of pytest's own process.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / f"numba-{_WORKER}")

# A busy machine makes inputs slowly; what a test asserts does not depend on it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Folders whose files take long, few tests each: they are handed to the workers first, so that none is left for the end.
_LONG_FIRST = ("faults", "page", "system", "contract")
# Folders of tests that run whole systems or break them.
_SLOW = ("faults", "system")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders of long files first, in which order workers get them, and marks the folders of slow ones."""
    root = Path(__file__).parent
    rank = {folder: number for number, folder in enumerate(_LONG_FIRST)}
    items.sort(key=lambda item: rank.get(_folder(item, root), len(rank)))
    for item in items:
        if _folder(item, root) in _SLOW:
            item.add_marker(pytest.mark.slow)


def _folder(item: pytest.Item, root: Path) -> str:
    return item.path.relative_to(root).parts[0]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MusicGen checkpoint with three small layers and random weights, in transformers' layout."""
    from support.checkpoints import TINY, make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", TINY)


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> LoadedModel:
    """The tiny checkpoint, loaded, with the library's own model beside ours."""
    from resonance.settings import Settings
    from resonance_model.loaders.transformers import load_transformers

    return load_transformers(str(tiny_folder), Settings(), keep_library=True)
