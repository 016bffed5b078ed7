"""Without a key: Google's client library is never imported by the services that could use it."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("resonance_video.build", "resonance_generate.build", "resonance_extract.build", "resonance_speech.build")
# One process for all, because each of them spends seconds on importing torch; the first that imports the library is named.
CODE = """
import importlib, sys
from resonance.google.door import open_google
from resonance.settings import Settings
from resonance.store import MemoryStore
for module in sys.argv[1:]:
    importlib.import_module(module)
    assert open_google(Settings(), MemoryStore()) is None
    found = [name for name in sys.modules if name.startswith("google.genai")]
    if found:
        sys.exit(f"{module} imported: {found[:3]}")
"""


def test_the_client_library_is_not_imported() -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *MODULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
