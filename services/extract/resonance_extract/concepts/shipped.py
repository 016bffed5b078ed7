"""What the embedded model brings along: its reference, its sliders' concepts, and example tastes, put where a store lacks them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import REFERENCE, VECTORS, examples_key
from resonance.store.quarantine import RECOMPUTED
from resonance_model.loaders.embedded import WEIGHTS

FOLDER = WEIGHTS / "steering"
_MADE_FOR, _SUPERSEDED = "made_for.json", "superseded.json"
_NAMED_BY_CONTENT = (VECTORS, REFERENCE)
_log = structlog.get_logger("extract")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """What is shipped under a key, and the SHA-256 of what older versions shipped there."""

    key: str
    data: bytes
    former: frozenset[str]


async def put_shipped(store: ObjectStore, *, model_digest: str, folder: Path = FOLDER) -> int:
    """Puts every shipped object that the store does not have, and in place of one that an older version shipped and nobody has changed
    since; returns how many.

    An example that somebody has deleted stays deleted; what can be computed again, and is therefore set aside where it is damaged, is put
    back. Any number of processes may do this at once, of any version: what is not as an older version shipped it is left alone.

    The folder holds objects under their keys, `made_for.json` with the digest of the model that they belong to (for another model nothing
    is put), and `superseded.json`. `scripts/ship_steering.py` writes it.
    """
    shipped = await asyncio.to_thread(_shipped, folder, model_digest)
    if not shipped:
        return 0
    known = await _examples_in(store, model_digest)
    examples = {one.key for one in shipped if not one.key.startswith(RECOMPUTED)}
    count = 0
    for one in shipped:
        count += await _put(store, one, is_wanted=one.key not in examples & known)
    if not examples <= known:
        await store.put(examples_key(model_digest), json.dumps(sorted(examples | known)).encode())
    if count:
        _log.info("put what the model brings along", objects=count)
    return count


async def _put(store: ObjectStore, one: _Object, *, is_wanted: bool) -> bool:
    """`is_wanted` says to put it where there is none."""
    try:
        if is_wanted:
            await store.create(one.key, one.data)
            return True
    except Conflict:
        pass
    if one.former:
        with suppress(
            NotFound, DataLoss, Conflict
        ):  # none, not ours to mend, or somebody else was here at the same moment
            stored = await store.get(one.key)
            if stored.sha256 in one.former:
                await store.replace(one.key, one.data, version=stored.version)
                return True
    return False


async def _examples_in(store: ObjectStore, model_digest: str) -> frozenset[str]:
    """The keys of the examples that were put here once."""
    try:
        return frozenset(json.loads((await store.get(examples_key(model_digest))).data))
    except (NotFound, DataLoss):
        return frozenset()


def _shipped(folder: Path, model_digest: str) -> list[_Object]:
    made_for = folder / _MADE_FOR
    if not made_for.is_file() or json.loads(made_for.read_text())["model_digest"] != model_digest:
        return []
    former = _former(folder)
    found = [
        _Object(key=key, data=data, former=frozenset(former.get(key, ())) - {sha256_hex(data)})
        for key, data in _objects(folder).items()
    ]
    return sorted(found, key=lambda one: not one.key.startswith(_NAMED_BY_CONTENT))  # what documents name, before them


def _objects(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {key: data for key, data in found.items() if key not in (_MADE_FOR, _SUPERSEDED)}


# --- for the scripts that write the folder


def digests_so_far(folder: Path = FOLDER) -> dict[str, list[str]]:
    """By key the SHA-256 of everything that was ever shipped there, what lies in the folder now with it."""
    found = {key: list(digests) for key, digests in _former(folder).items()}
    for key, data in _objects(folder).items() if folder.is_dir() else ():
        if sha256_hex(data) not in found.setdefault(key, []):
            found[key].append(sha256_hex(data))
    return found


def write_superseded(so_far: Mapping[str, list[str]], folder: Path = FOLDER) -> None:
    """Writes what the folder's objects take the place of: `digests_so_far` from before it was written anew."""
    former = {
        key: [digest for digest in so_far.get(key, ()) if digest != sha256_hex(data)]
        for key, data in _objects(folder).items()
        if not key.startswith(_NAMED_BY_CONTENT)
    }
    kept = {key: digests for key, digests in former.items() if digests}
    (folder / _SUPERSEDED).write_text(json.dumps(kept, indent=1) + "\n")


def _former(folder: Path) -> dict[str, list[str]]:
    path = folder / _SUPERSEDED
    found: dict[str, list[str]] = json.loads(path.read_text()) if path.is_file() else {}
    return found
