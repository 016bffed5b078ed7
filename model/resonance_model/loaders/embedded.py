"""Where the embedded model lies: in the package once trained, until then a seeded stand-in with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from resonance.errors import DataLoss
from resonance.ids import sha256_hex
from resonance.settings import Settings

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
_log = structlog.get_logger("model")


def embedded_folder(settings: Settings) -> Path:
    """The folder of the embedded checkpoint; makes the stand-in below the data folder where there are no weights."""
    if (WEIGHTS / "model.safetensors").is_file():
        check_weights(WEIGHTS)
        return WEIGHTS
    from resonance_model.loaders.standin import STANDIN, make_checkpoint

    folder = settings.data_dir / "models" / STANDIN.name
    if not (folder / "resonance_card.json").is_file():
        _log.info("making the stand-in model", folder=str(folder))
        make_checkpoint(folder, STANDIN)
    return folder


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
