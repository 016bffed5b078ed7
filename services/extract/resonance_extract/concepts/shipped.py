"""Shipped objects of the embedded model: reference, concepts, tastes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import structlog

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.store import ObjectStore
from resonance.store.keys import REFERENCE, VECTORS, examples_key
from resonance.store.quarantine import RECOMPUTED
from resonance_model.loaders.embedded import WEIGHTS

FOLDER = WEIGHTS / "steering"
_MADE_FOR = "made_for.json"
_NAMED_BY_CONTENT = (VECTORS, REFERENCE)
_log = structlog.get_logger("extract")


async def put_shipped(store: ObjectStore, *, model_digest: str, folder: Path = FOLDER) -> int:
    """Puts every shipped object that the store does not have; returns how many it put.

    An object that is there already is never written over, so a slider that a user calibrated stays as it is. An example that a user
    deleted stays deleted. An object that can be computed again is put back, because a damaged one is set aside. Any number of processes
    may call this at once: each object is created by compare-and-swap.

    The folder holds the objects under their keys, and `made_for.json` with the digest of the model that they belong to. For another model
    nothing is put. `scripts/ship_steering.py` writes the folder.
    """
    shipped = await asyncio.to_thread(_load_shipped, folder, model_digest)
    if not shipped:
        return 0
    known = await _load_known_examples(store, model_digest)
    examples = {key for key in shipped if not key.startswith(RECOMPUTED)}
    count = 0
    for key, data in shipped.items():
        count += key not in examples & known and await _create(store, key, data)
    if not examples <= known:
        await store.put(examples_key(model_digest), json.dumps(sorted(examples | known)).encode())
    if count:
        _log.info("put the objects that ship with the model", objects=count)
    return count


async def _create(store: ObjectStore, key: str, data: bytes) -> bool:
    try:
        await store.create(key, data)
    except Conflict:
        return False
    return True


async def _load_known_examples(store: ObjectStore, model_digest: str) -> frozenset[str]:
    """The keys of the examples that were put into this store once."""
    try:
        return frozenset(json.loads((await store.get(examples_key(model_digest))).data))
    except (NotFound, DataLoss):
        return frozenset()


def is_shipped_for(model_digest: str, folder: Path = FOLDER) -> bool:
    """True where the folder belongs to this model."""
    made_for = folder / _MADE_FOR
    return made_for.is_file() and json.loads(made_for.read_text())["model_digest"] == model_digest


def _load_shipped(folder: Path, model_digest: str) -> dict[str, bytes]:
    """The shipped objects by key. Vectors and references come first, because the documents name them."""
    if not is_shipped_for(model_digest, folder):
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MADE_FOR)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return dict(sorted(found.items(), key=lambda item: not item[0].startswith(_NAMED_BY_CONTENT)))
