"""`python -m resonance_model.loaders.fetch`: the weights of RESONANCE_MODEL in the hub's cache (`HF_HOME`), before a service starts.

The embedded model and a folder need no fetching. Processes that fetch the same weights at once wait for each other.
"""

from __future__ import annotations

import sys
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from resonance.errors import ResonanceError
from resonance.settings import read_settings

# MusicGen's repositories hold the same weights in several layouts; transformers reads these.
_FILES = ("*.json", "*.safetensors", "*.model", "*.txt")


def fetch(model: str) -> str:
    """Downloads a hub id's files and returns their folder; another name is returned as it is.

    Raises:
        RepositoryNotFoundError: the hub has no such model.
        HfHubHTTPError, OSError: the hub cannot be reached, or the volume is full.
    """
    if model == "embedded" or Path(model).exists():
        return model
    return str(snapshot_download(model, allow_patterns=list(_FILES)))


if __name__ == "__main__":
    try:
        print(fetch(read_settings().model))
    except RepositoryNotFoundError:
        sys.exit("resonance: the hub has no model of the name in RESONANCE_MODEL")
    except (ResonanceError, HfHubHTTPError, OSError) as failure:
        sys.exit(f"resonance: {failure}")
