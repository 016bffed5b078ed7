"""Key of the Gemini API: from the environment or from a file, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from resonance.errors import invalid_field
from resonance.settings import Settings


def read_key(settings: Settings) -> str:
    """The key; empty where none is set. Raises InvalidInput where the file cannot be read, or both are set."""
    if settings.gemini_api_key_file is None:
        return settings.gemini_api_key
    name = "RESONANCE_GEMINI_API_KEY_FILE"
    if settings.gemini_api_key:
        raise invalid_field(name, "INVALID_SETTING", "set the key or its file, not both")
    try:
        return Path(settings.gemini_api_key_file).read_text().strip()
    except OSError as failure:
        raise invalid_field(name, "INVALID_SETTING", f"cannot be read: {failure.strerror}") from None
