"""Embedded model's folder, with file digests checked.

The folder is inside the package.
"""

from __future__ import annotations

import json
from pathlib import Path

from resonance.errors import DataLoss, NotFound
from resonance.ids import sha256_hex

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def embedded_folder() -> Path:
    """Folder of the embedded checkpoint.

    Raises:
        NotFound: this installation has no weights.
        DataLoss: a file is not the one that was shipped.
    """
    if not (WEIGHTS / "model.safetensors").is_file():
        raise NotFound(
            "this installation of Resonance has no weights of the embedded model: install it again, train them with `make model`, "
            "or name another MusicGen checkpoint in RESONANCE_MODEL",
            reason="NO_WEIGHTS",
        )
    check_weights(WEIGHTS)
    return WEIGHTS


def check_weights(folder: Path) -> None:
    """Compares every file with `digest.json`.

    Raises:
        DataLoss: a file is missing or is not the one that was shipped.
    """
    for name, sha256 in json.loads((folder / "digest.json").read_text())["sha256"].items():
        path = folder / name
        if not path.is_file() or sha256_hex(path.read_bytes()) != sha256:
            raise DataLoss(
                f"{name} of the embedded model is not the file that was shipped; install Resonance again",
                reason="WEIGHTS_DAMAGED",
            )
