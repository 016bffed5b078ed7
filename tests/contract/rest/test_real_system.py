"""REST before the real services, with a tiny model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.contract.rest.real import real_system
from tests.support.sounds import write_sound

from resonance.audio.wav import pcm_in
from resonance_model.loaded_model import LoadedModel

pytestmark = pytest.mark.slow
KINDS = {"mp3": 220.0, "m4a": 330.0, "flac": 440.0}


@pytest.fixture(scope="module")
def http(tiny_folder: Path, tiny: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        real_system(tiny_folder, tmp_path_factory.mktemp("data"), prepared_for=tiny) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [write_sound(folder / f"song.{kind}", duration_s=11, pitch_hz=hz) for kind, hz in KINDS.items()]


@pytest.fixture(scope="module")
def taste(http: httpx.Client, songs: list[Path]) -> dict:
    files = [("files", (path.name, path.read_bytes())) for path in songs]
    files.append(("files", ("broken.mp3", b"not music at all")))
    answer = http.post("/v1/tastes", data={"title": "Three songs"}, files=files)
    assert answer.status_code == 202
    return _followed(http, answer.headers["location"])


def test_three_files_of_three_codecs_become_a_taste_beside_a_broken_one(taste: dict) -> None:
    assert (taste["state"], taste["progress"], taste["title"]) == ("completed", 1.0, "Three songs")
    assert [track["state"] for track in taste["tracks"]] == ["completed"] * 3 + ["failed"]
    assert taste["tracks"][3]["error"]["message"]
    assert len(taste["taste"]["layer_norms"]) > 0


def test_the_taste_steers_and_strength_zero_is_exactly_no_taste(http: httpx.Client, taste: dict) -> None:
    body = {"prompt": "calm piano", "duration_s": 2, "seed": 11}
    use = {"taste_id": taste["id"], "strength": 4}
    plain, steered, held, zero = (
        # Raw: the watermark of delivered sound names the recipe.
        http.post("/v1/generations", json=body | more | {"raw": True})
        for more in (
            {},
            {"tastes": [use | {"unclamped": True}]},
            {"tastes": [use]},
            {"taste_id": taste["id"], "taste_strength": 0},
        )
    )
    assert {answer.status_code for answer in (plain, steered, held, zero)} == {200}
    assert pcm_in(plain.content) == pcm_in(zero.content)
    assert pcm_in(plain.content) != pcm_in(steered.content)
    assert zero.headers["x-steering"] == "none"
    assert json.loads(steered.headers["x-steering"]) == {"tastes": {taste["id"]: 4.0}}
    assert json.loads(held.headers["x-steering"]) == {"tastes": {taste["id"]: 1.0}}
    assert "held to 1" in held.headers["x-notices"]


@pytest.mark.parametrize("is_raw", [False, True])
def test_the_same_request_twice_is_one_take_with_the_same_samples(http: httpx.Client, is_raw: bool) -> None:
    body = {"prompt": "calm piano", "duration_s": 2, "request_id": "twice", "raw": is_raw}
    first, second = (http.post("/v1/generations", json=body) for _ in range(2))
    assert pcm_in(first.content) == pcm_in(second.content)
    url = f"/v1/takes/twice/audio?raw={str(is_raw).lower()}"
    kept = http.get(url).content
    assert (pcm_in(kept) == pcm_in(first.content)) is is_raw
    assert http.get(url, headers={"Range": "bytes=100-199"}).content == kept[100:200]
    resumed = http.post("/v1/generations", json=body | {"resume_sample_offset": 1000})
    assert resumed.content == pcm_in(first.content)[2000:]
    other = http.post("/v1/generations", json=body | {"prompt": "another"})
    assert (other.status_code, other.json()["reason"]) == (409, "REQUEST_ID_REUSED")


def test_the_take_is_in_the_library(http: httpx.Client) -> None:
    http.post("/v1/generations", json={"prompt": "rain", "duration_s": 1, "request_id": "kept"})
    assert http.get("/v1/takes/kept").json()["recipe"]["prompts"][0]["text"] == "rain"
    assert "kept" in [take["request_id"] for take in http.get("/v1/takes").json()["takes"]]
    assert http.delete("/v1/takes/kept").status_code == 204
    assert http.get("/v1/takes/kept").status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "http://169.254.169.254/",
        "https://unknown.example/x",
        "ftp://a",
        "x",
    ],
)
def test_a_forbidden_or_unknown_link_is_refused_with_a_reason(http: httpx.Client, url: str) -> None:
    answer = http.post("/v1/tastes", json={"url": url})
    if answer.status_code == 202:
        assert _followed(http, answer.headers["location"])["state"] == "failed"
    else:
        assert 400 <= answer.status_code < 500
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"taste_id": "t-unknown"}, 404),
        ({"concepts": [{"name": "unknown", "strength": 1}]}, 404),
        ({"prompt": "x" * 100_000}, 422),
        ({"tastes": [{"taste_id": "a", "layer_gains": {"9999": 1}}]}, 422),
    ],
)
def test_a_bad_recipe_is_never_a_500(http: httpx.Client, change: dict, status: int) -> None:
    answer = http.post("/v1/generations", json={"prompt": "x", "duration_s": 1} | change)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def _followed(http: httpx.Client, location: str) -> dict:
    """The taste's last state, by its events."""
    last: dict = {}
    with http.stream("GET", f"{location}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    return last


def test_the_page_can_read_how_far_the_model_is_made_ready(http: httpx.Client) -> None:
    adoption = http.get("/v1/adoption").raise_for_status().json()
    assert adoption["state"] in {"idle", "completed"}, "this system makes nothing by itself"
    assert not adoption["is_shipped"]
    assert [part["name"] for part in adoption["parts"] if part["state"] == "completed"][:1] in (
        ["reference"],
        ["slider energy"],
    )


def test_a_takes_timeline_shows_its_recipe_and_what_its_slider_did(http: httpx.Client) -> None:
    body = {"prompt": "calm piano", "duration_s": 2, "seed": 11, "sliders": {"energy": 1.0}}
    for name, more in (("pushed", {}), ("plain", {"sliders": {}})):
        assert http.post("/v1/generations", json=body | more | {"request_id": name}).status_code == 200
    pushed, plain = (http.get(f"/v1/takes/{name}/timeline").json() for name in ("pushed", "plain"))
    change = pushed["recipe_changes"][0]
    assert change["sample_offset"] == 0
    assert change["recipe"]["sliders"]["energy"] == 1.0
    curves = [{one["slider"]: one["values"] for one in told["curves"]} for told in (pushed, plain)]
    assert {len(values) for values in curves[0].values()} == {round(2 * pushed["rate_hz"])}
    means = [sum(told["energy"]) / len(told["energy"]) for told in curves]
    assert means[0] > means[1]
    assert http.get("/v1/takes/pushed/timeline").json() == pushed
    assert http.get("/v1/takes/none/timeline").status_code == 404
    assert http.delete("/v1/takes/pushed").status_code == 204
    assert http.get("/v1/takes/pushed/timeline").status_code == 404
