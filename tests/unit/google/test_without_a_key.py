"""Without a key: Google's client library is never imported by the services that could use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import {module}
from resonance.google.door import open_google
from resonance.settings import Settings
from resonance.store import MemoryStore
assert open_google(Settings(), MemoryStore()) is None
found = [name for name in sys.modules if name.startswith("google.genai")]
sys.exit(f"imported: {{found[:3]}}" if found else 0)
"""


@pytest.mark.parametrize(
    "module", ["resonance_video.build", "resonance_generate.build", "resonance_extract.build", "resonance_speech.build"]
)
def test_the_client_library_is_not_imported(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
