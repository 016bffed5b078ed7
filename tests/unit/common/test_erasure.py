"""Deletion of an owner: every prefix of the store, work that is cancelled, sweeps that go on, and owners who come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resonance import erasure
from resonance.api_keys import ApiKey, ApiKeys
from resonance.erasure import Erasure
from resonance.errors import Unavailable
from resonance.rpc import Authenticator
from resonance.rpc.oidc import owner_of
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.keys import (
    PREFIXES,
    api_key_use_key,
    below_owner,
    open_calibration_job_key,
    open_job_key,
    open_video_key,
    owner_key,
    share_key,
    spending_key,
)
from resonance.store.owned import OwnedStore
from resonance.store.prefix import OwnerPart, Prefix
from resonance_cli.commands import app

ADA, BOB = "u-adaadaadaadaadaa", "u-bobbobbobbobbobb"

# The keys that name an owner otherwise than by lying below it. A new prefix of these kinds must be added here.
NAMING: dict[str, Callable[[str], tuple[str, bytes]]] = {
    "job-open/": lambda owner: (open_job_key(1, owner, f"t-{owner}"), b""),
    "calibration_job-open/": lambda owner: (open_calibration_job_key(owner, f"c-{owner[-3:]}"), b""),
    "video-open/": lambda owner: (open_video_key(owner, f"v-{owner[-3:]}"), b""),
    "shares/": lambda owner: (share_key(f"s-{owner}"), json.dumps({"owner": owner, "key": "takes/x"}).encode()),
    "api-keys/": lambda owner: (
        f"api-keys/{owner}",
        json.dumps({"key_id": owner, "owner": owner, "name": "", "created_s": 1}).encode(),
    ),
    "api-key-uses/": lambda owner: (api_key_use_key(owner), b"{}"),
}
STAYING = {
    "owners/": lambda owner: owner_key(owner),  # with the time of the deletion
    "spending/": lambda owner: spending_key("2026-12-01"),
}


def objects_of(prefix: Prefix, owner: str) -> tuple[str, bytes]:
    if prefix.deleted_with is OwnerPart.BELOW:
        return below_owner(owner, f"{prefix.name}x"), b"private"
    return NAMING[prefix.name](owner)


class Work:
    """Remembers what was cancelled."""

    def __init__(self, *, ends: bool = True) -> None:
        self.cancelled: list[str] = []
        self.ends = ends

    async def __call__(self, owner: str, work_ids: list[str]) -> bool:
        self.cancelled += work_ids
        return self.ends


async def filled(store: OwnedStore) -> dict[str, list[str]]:
    """Something under every prefix: of Ada, of Bob, and of nobody. The keys by whose they are."""
    keys: dict[str, list[str]] = {ADA: [], BOB: [], "": []}
    for prefix in PREFIXES:
        if prefix.deleted_with in (OwnerPart.NONE, OwnerPart.KEPT, OwnerPart.MARK):
            if prefix.deleted_with is not OwnerPart.MARK:
                keys[""].append(f"{prefix.name}x")
                await store.put(f"{prefix.name}x", b'{"owners": {}}')
            continue
        for owner in (ADA, BOB):
            key, data = objects_of(prefix, owner)
            await store.put(key, data)
            keys[owner].append(key)
    return keys


def test_the_table_says_of_every_prefix_how_an_owners_part_is_found() -> None:
    named = {prefix.name for prefix in PREFIXES if prefix.deleted_with in (OwnerPart.IN_KEY, OwnerPart.IN_DOCUMENT)}
    of_keys = {prefix.name for prefix in PREFIXES if prefix.deleted_with is OwnerPart.OF_KEYS}
    assert named | of_keys == NAMING.keys()
    kept = {prefix.name for prefix in PREFIXES if prefix.deleted_with in (OwnerPart.KEPT, OwnerPart.MARK)}
    assert kept == STAYING.keys()
    with pytest.raises(ValueError, match="owner_part must be said"):
        Prefix(name="new/", writer="ingest", kept="for good")
    with pytest.raises(ValueError, match="lie below their owner"):
        Prefix(name="new/", writer="ingest", kept="for good", is_owned=True, owner_part=OwnerPart.NONE)


async def test_all_of_an_owner_is_deleted_and_nothing_of_others() -> None:
    store, work = OwnedStore(MemoryStore()), Work()
    keys = await filled(store)
    erased = await Erasure(store, work).erase(ADA)
    left = [key async for key in store.keys("")]
    assert sorted(left) == sorted([*keys[BOB], *keys[""], owner_key(ADA)])
    assert (erased.object_count, erased.is_complete) == (len(keys[ADA]), True)
    assert sorted(work.cancelled) == sorted([f"t-{ADA}", f"c-{ADA[-3:]}.{ADA}", f"v-{ADA[-3:]}"])
    contents = [(await store.get(key)).data for key in left]
    assert not any(ADA.encode() in content for content in contents)


async def test_an_owner_without_open_work_asks_no_engine() -> None:
    store, work = OwnedStore(MemoryStore()), Work()
    text, key = await ApiKeys(store).issue("Ada")
    await Erasure(store, work).erase(key.owner)
    assert work.cancelled == []
    assert await ApiKeys(store).find(text) is None


async def test_a_longer_owner_with_the_same_beginning_keeps_everything() -> None:
    store = OwnedStore(MemoryStore())
    for owner in ("u-ab", "u-abc"):
        for make in NAMING.values():
            await store.put(*make(owner))
        await store.put(below_owner(owner, "takes/x"), b"")
    before = [key async for key in store.keys("") if "u-abc" in key]
    await Erasure(store, Work()).erase("u-ab")
    assert [key async for key in store.keys("") if "u-abc" in key] == before


async def test_sweeps_go_on_and_forget_the_owner_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    store, work = OwnedStore(MemoryStore()), Work(ends=False)
    keys, erasing = ApiKeys(store), Erasure(store, work)
    await store.put(open_job_key(1, ADA, "t-1"), b"")
    assert not (await erasing.erase(ADA)).is_complete
    late = below_owner(ADA, "takes/late")
    await store.put(late, b"made by a stream that was open")
    await erasing.sweep()
    assert await store.exists(late), "not so soon: the owner may sign in again"
    now_s = time.time()
    monkeypatch.setattr(erasure.time, "time", lambda: now_s + 700)
    await erasing.sweep()
    assert not await store.exists(late)
    assert await keys.owners() == [ADA]
    monkeypatch.setattr(erasure.time, "time", lambda: now_s + 100_000)
    await erasing.sweep()
    assert await keys.owners() == []


async def test_work_that_cannot_be_cancelled_is_told_and_its_objects_go_all_the_same() -> None:
    store = OwnedStore(MemoryStore())

    async def away(owner: str, work_ids: list[str]) -> bool:
        raise Unavailable("the engine is away")

    await store.put(open_video_key(ADA, "v-1"), b"")
    await store.put(below_owner(ADA, "videos/v-1/video.json"), b"{}")
    erased = await Erasure(store, away).erase(ADA)
    assert (erased.object_count, erased.work_count, erased.is_complete) == (2, 1, False)


async def test_an_owner_who_comes_back_begins_anew_and_is_not_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    store = OwnedStore(MemoryStore())
    keys, erasing = ApiKeys(store), Erasure(store, Work())
    await erasing.erase(ADA)
    text, key = await keys.issue("Ada again", ADA)
    assert isinstance(key, ApiKey)
    assert await keys.deleted_s(ADA) is None
    await store.put(below_owner(ADA, "takes/new"), b"")
    now_s = time.time()
    monkeypatch.setattr(erasure.time, "time", lambda: now_s + 100_000)
    await erasing.sweep()
    assert await store.exists(below_owner(ADA, "takes/new"))
    found = await Authenticator(store, Settings(auth="on", service_key="s" * 32)).authenticate(
        [("authorization", f"Bearer {text}")]
    )
    assert found.owner == ADA


def test_the_operator_lists_finds_and_deletes_owners(tmp_path: Path) -> None:
    audit_file, issuer = tmp_path / "audit.log", "https://login.example.com"
    environment = os.environ | {
        "RESONANCE_DATA_DIR": str(tmp_path / "data"),
        "RESONANCE_AUDIT_FILE": str(audit_file),
        "RESONANCE_OIDC_ISSUER": issuer,
    }

    def resonance(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "resonance_cli", *arguments]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert run.returncode == code, run.stderr
        return run.stdout.strip()

    def keys(*arguments: str) -> str:  # in this process: only the commands of owners take its logs over
        run = CliRunner().invoke(app, ["keys", *arguments], env=environment)
        assert run.exit_code == 0, run.output
        return run.stdout.strip()

    keys("add", "Ada", "--owner", ADA)
    keys("add", "Bob", "--owner", BOB)
    assert resonance("owners", "find", "ada") == owner_of(issuer, "ada")
    assert resonance("owners", "list").split() == [ADA, BOB]
    assert resonance("owners", "delete", ADA, "--yes").startswith("1 objects deleted, 0 pieces of work")
    assert [line.split()[1] for line in keys("list").splitlines()] == [BOB]
    resonance("owners", "delete", "u-nobody", "--yes", code=1)
    last = json.loads(audit_file.read_text().splitlines()[-1])
    assert (last["act"], last["objects"], last["outcome"]) == ("owner/delete", {"owner_id": ADA}, "OK")
