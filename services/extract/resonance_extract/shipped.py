"""What the embedded model brings along: its reference, its sliders' concepts, and example tastes, put into an empty store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import structlog

from resonance.errors import Conflict
from resonance.store import ObjectStore
from resonance_model.loaders.embedded import WEIGHTS

FOLDER = WEIGHTS / "steering"
_log = structlog.get_logger("extract")


async def put_shipped(store: ObjectStore, *, model_digest: str, folder: Path = FOLDER) -> int:
    """Puts every shipped object that the store does not have; returns how many.

    The folder holds objects under their keys, and `made_for.json` with the digest of the model that they belong to: for another
    model nothing is put. `scripts/ship_steering.py` writes the folder.
    """
    count = 0
    for key, data in await asyncio.to_thread(_shipped, folder, model_digest):
        try:
            await store.create(key, data)
            count += 1
        except Conflict:
            continue
    if count:
        _log.info("put what the model brings along", objects=count)
    return count


def _shipped(folder: Path, model_digest: str) -> list[tuple[str, bytes]]:
    made_for = folder / "made_for.json"
    if not made_for.is_file() or json.loads(made_for.read_text())["model_digest"] != model_digest:
        return []
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != made_for)
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]
