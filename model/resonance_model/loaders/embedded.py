"""Where the embedded model lies: in the package once trained, until then a seeded stand-in with random weights."""

from __future__ import annotations

from pathlib import Path

import structlog

from resonance.settings import Settings

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
_log = structlog.get_logger("model")


def embedded_folder(settings: Settings) -> Path:
    """The folder of the embedded checkpoint; makes the stand-in below the data folder where there are no weights."""
    if (WEIGHTS / "model.safetensors").is_file():
        return WEIGHTS
    from resonance_model.loaders.standin import STANDIN, make_checkpoint

    folder = settings.data_dir / "models" / STANDIN.name
    if not (folder / "resonance_card.json").is_file():
        _log.info("making the stand-in model", folder=str(folder))
        make_checkpoint(folder, STANDIN)
    return folder
