"""Isolation of two users: foreign and missing objects are indistinguishable.

The seed is printed: `make robust SEED=n ARGS=tests/faults/test_two_users.py` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import robust, sounds
from tests.contract.rest.real import real_system

from resonance.api_keys import ApiKeys
from resonance.audio.wav import pcm_in
from resonance.settings import Settings
from resonance.store import open_store
from resonance_model.loaded_model import LoadedModel

SEED = int(os.environ.get("SEED", "1"))
KINDS = ("tastes", "takes", "uploads")
PLAYED = {"prompt": "calm piano", "duration_s": 1}


@dataclass(slots=True)
class User:
    """A user with a key, and the user's objects."""

    name: str
    http: httpx.Client
    has: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    takes: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module", params=["files", "s3"])
def users(
    request: pytest.FixtureRequest, tiny_folder: Path, tiny: LoadedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[User, User]]:
    folder = tmp_path_factory.mktemp("users")
    settings = Settings(data_dir=folder / "data")
    if request.param == "s3":
        fresh = request.getfixturevalue("s3_server").settings_for_new_bucket()
        settings = fresh.model_copy(update={"data_dir": settings.data_dir})
    keys = asyncio.run(issue_two(settings))
    named = {"store": settings.store, "s3_access_key": settings.s3_access_key, "s3_secret_key": settings.s3_secret_key}
    with real_system(tiny_folder, settings.data_dir, prepared_for=tiny, auth="on", **named) as url:
        two = tuple(
            User(name, httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {key}"}))
            for name, key in zip("AB", keys, strict=True)
        )
        assert httpx.get(url + "/v1/tastes").status_code == 401
        assert httpx.get(url + "/v1/tastes", headers={"Authorization": "Bearer rk-no"}).status_code == 401
        for user in two:
            song = sounds.sound_bytes("flac", folder, duration_s=2.0, pitch_hz=300.0)
            # Both use the same names: neither may learn that the other exists.
            files = [("files", ("song.flac", song))]
            made = user.http.post("/v1/tastes", data={"request_id": "same", "title": user.name}, files=files)
            assert made.status_code == 202, made.text
            follow(user, made.json()["id"])
            user.has["tastes"].append(made.json()["id"])
        yield two  # type: ignore[misc]
        for user in two:
            user.http.close()


async def issue_two(settings: Settings) -> list[str]:
    store = await open_store(settings)
    try:
        return [(await ApiKeys(store).issue(name))[0] for name in "AB"]
    finally:
        await store.close()


def follow(user: User, taste_id: str) -> None:
    with user.http.stream("GET", f"/v1/tastes/{taste_id}/events") as events:
        for _ in events.iter_lines():
            pass


ASKED: list[tuple[str, str, Callable[[httpx.Client, str], httpx.Response]]] = [
    ("tastes", "get", lambda http, name: http.get(f"/v1/tastes/{name}")),
    ("tastes", "cancel", lambda http, name: http.post(f"/v1/tastes/{name}/cancel")),
    ("tastes", "retry", lambda http, name: http.post(f"/v1/tastes/{name}/retry")),
    ("tastes", "events", lambda http, name: http.get(f"/v1/tastes/{name}/events")),
    ("tastes", "delete", lambda http, name: http.delete(f"/v1/tastes/{name}")),
    ("tastes", "play", lambda http, name: http.post("/v1/generations", json=PLAYED | {"taste_id": name})),
    ("takes", "get", lambda http, name: http.get(f"/v1/takes/{name}")),
    ("takes", "audio", lambda http, name: http.get(f"/v1/takes/{name}/audio")),
    ("takes", "delete", lambda http, name: http.delete(f"/v1/takes/{name}")),
    ("uploads", "get", lambda http, name: http.get(f"/v1/uploads/{name}")),
    ("uploads", "delete", lambda http, name: http.delete(f"/v1/uploads/{name}")),
    (
        "uploads",
        "write",
        lambda http, name: http.patch(
            f"/v1/uploads/{name}",
            content=b"x",
            headers={"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"},
        ),
    ),
    ("uploads", "use", lambda http, name: http.post("/v1/tastes", json={"uploads": [name]})),
]


def without_id(answer: httpx.Response, name: str) -> Any:
    """A response without the id of its request."""
    kept = {key: answer.headers.get(key) for key in ("content-type", "www-authenticate", "upload-offset", "location")}
    return answer.status_code, answer.text.replace(name, "ID"), kept


def unknown_id(kind: str, like: str, chooser: random.Random) -> str:
    """An id of the same shape that does not exist."""
    letters = "".join(chooser.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(len(like)))
    return like[:2] + letters[2:] if kind != "uploads" else like[:12] + letters[12:]


def make(user: User, kind: str, number: int) -> None:
    if kind == "uploads":
        answer = user.http.post("/v1/uploads", json={"filename": "a.mp3", "byte_count": 10})
        user.has["uploads"].append(answer.json()["upload_id"])
        return
    # A few names only, so that both users often use one at the same time.
    name = f"take-{number % 4}" if number % 2 else f"take-{user.name}-{number}"
    body = PLAYED | {"prompt": f"a song of {user.name} {name}", "request_id": name, "raw": True}
    answer = user.http.post("/v1/generations", json=body)
    assert answer.status_code == 200, answer.text
    samples = pcm_in(answer.content)
    assert user.takes.setdefault(name, samples) == samples
    if name not in user.has["takes"]:
        user.has["takes"].append(name)


def check_lists(user: User) -> None:
    tastes = user.http.get("/v1/tastes?page_size=200").json()["tastes"]
    assert {taste["id"] for taste in tastes} == set(user.has["tastes"])
    assert {taste["title"] for taste in tastes} <= {user.name}
    takes = user.http.get("/v1/takes?page_size=200").json()["takes"]
    assert {take["request_id"] for take in takes} == set(user.has["takes"])


def live_side_by_side(users: tuple[User, User], count: int) -> Counter[str]:
    print(f"SEED={SEED}")
    chooser, seen = random.Random(SEED), Counter[str]()
    for number in range(count):
        user, other = chooser.sample(users, 2)
        if number % 25 == 0:
            make(user, chooser.choice(["takes", "uploads"]), number)
            continue
        if number % 40 == 1:
            check_lists(user)
            seen["lists"] += 1
            continue
        kind, what, ask = chooser.choice(ASKED)
        theirs = [name for name in other.has[kind] if name not in user.has[kind]]
        if not theirs:
            continue
        name = chooser.choice(theirs)
        unknown = unknown_id(kind, name, chooser)
        foreign, absent = ask(user.http, name), ask(user.http, unknown)
        note = f"SEED={SEED} number={number} {user.name} {what} {kind}/{name}"
        assert foreign.status_code == 404, (note, foreign.status_code, foreign.text)
        assert without_id(foreign, name) == without_id(absent, unknown), note
        seen[f"{kind} {what}"] += 1
    for user in users:
        check_lists(user)
        for name, samples in user.takes.items():
            kept = user.http.get(f"/v1/takes/{name}/audio?raw=true").content
            assert pcm_in(kept) == samples, "each user has an own take of a name"
        assert user.http.get(f"/v1/tastes/{user.has['tastes'][0]}").json()["title"] == user.name
    return seen


@pytest.mark.slow
def test_a_sample_of_what_two_users_do_leaks_nothing(users: tuple[User, User]) -> None:
    seen = live_side_by_side(users, 120)
    assert len(seen) >= 10, seen


@robust
@pytest.mark.timeout(3600)
def test_thousands_of_operations_of_two_users_leak_nothing(users: tuple[User, User]) -> None:
    print(dict(live_side_by_side(users, 5000)))
