"""Sweep of stored tastes: damaged, whole and lost descriptions."""

from __future__ import annotations

import json
from pathlib import Path

from resonance.api_keys import ApiKeys
from resonance.errors import DataLoss
from resonance.identity import acting_as
from resonance.store.files import FileStore
from resonance.store.keys import job_key, taste_key
from resonance.store.owned import OwnedStore
from resonance_extract.tastes.sweep import TasteSweeper

TASTE = {"taste_id": "t-1", "title": "Evening"}


def damage(root: Path, key: str) -> None:
    path = root / "objects" / f"{key},1"
    path.write_bytes(b"x" + path.read_bytes()[1:])


async def test_a_damaged_taste_is_written_again_from_its_job(tmp_path: Path) -> None:
    store = OwnedStore(FileStore(tmp_path))
    _, key = await ApiKeys(store).issue("Ada")
    for owner in ("", key.owner):
        with acting_as(owner):
            await store.put(taste_key("t-1"), json.dumps(TASTE).encode())
            await store.put(job_key("t-1"), json.dumps({"job_id": "t-1", "taste": TASTE}).encode())
        damage(tmp_path, f"users/{owner}/{taste_key('t-1')}" if owner else taste_key("t-1"))
    await TasteSweeper(store).sweep()
    for owner in ("", key.owner):
        with acting_as(owner):
            assert json.loads((await store.get(taste_key("t-1"))).data) == TASTE


async def test_a_damaged_taste_without_a_copy_stays_damaged_and_stops_no_other(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    copies = {"t-0": None, "t-1": b"[]", "t-2": b'{"taste": null}', "t-3": json.dumps({"taste": TASTE}).encode()}
    for taste_id, job in copies.items():
        await store.put(taste_key(taste_id), b"{}")
        damage(tmp_path, taste_key(taste_id))
        if job is not None:
            await store.put(job_key(taste_id), job)
    await TasteSweeper(store).sweep()
    damaged = []
    for taste_id in copies:
        try:
            await store.get(taste_key(taste_id))
        except DataLoss:
            damaged.append(taste_id)
    assert damaged == ["t-0", "t-1", "t-2"]
