"""Speech over REST before the real services: voices, speech, narration with captions and marks, transcription, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.contract.rest.real import real_system

from resonance.audio.wav import pcm_in
from resonance_model.loaded_model import LoadedModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def http(tiny_folder: Path, tiny: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    data_dir = tmp_path_factory.mktemp("data")
    with (
        real_system(tiny_folder, data_dir, prepared_for=tiny) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        take = {"prompt": "calm piano", "duration_s": 8, "seed": 1, "request_id": "music"}
        assert client.post("/v1/generations", json=take).status_code == 200
        yield client


def narrate(http: httpx.Client, body: dict[str, Any], take: str = "music") -> httpx.Response:
    return http.post(f"/v1/takes/{take}/narrations", json=body)


def test_the_voices_are_listed_and_the_service_is_ready(http: httpx.Client) -> None:
    (voice,) = http.get("/v1/voices").json()["voices"]
    assert (voice["language"], voice["license"], voice["is_local"]) == ("en-US", "Apache-2.0", True)
    assert http.get("/readyz").json()["services"]["speech"] == "ok"


def test_what_is_said_is_written_down_again(http: httpx.Client) -> None:
    spoken = http.post("/v1/speech", json={"text": "More bass. A little slower."})
    assert (spoken.status_code, spoken.headers["content-type"], spoken.headers["x-voice"]) == (
        200,
        "audio/wav",
        "heart",
    )
    heard = http.post("/v1/transcriptions", content=spoken.content, headers={"Content-Type": "audio/wav"})
    assert heard.status_code == 200
    assert [word in heard.json()["text"].lower() for word in ("more bass", "slower")] == [True, True]


def test_spoken_text_is_marked_in_every_format(http: httpx.Client) -> None:
    for name in ("wav", "flac", "mp3", "m4a"):
        file = http.post(
            "/v1/speech", json={"text": "This was made by a machine, as you hear.", "format": name}
        ).content
        report = http.post(
            "/v1/verifications", content=file, headers={"Content-Type": "application/octet-stream"}
        ).json()
        assert report["made_by_machine"], name
        assert report["tags"]["found"], name


def test_a_narrated_take_is_another_take_with_captions_and_the_old_one_stays(http: httpx.Client) -> None:
    before = pcm_in(http.get("/v1/takes/music/audio?raw=true").content)
    answer = narrate(http, {"sections": [{"text": "Rain falls."}, {"text": "It is late.", "start_s": 5}]})
    assert answer.status_code == 201
    take = http.get(answer.headers["location"]).json()
    assert take["narration"]["take_request_id"] == "music"
    sentences = take["narration"]["sentences"]
    assert [one["text"] for one in sentences] == ["Rain falls.", "It is late."]
    assert sentences[0]["start_s"] >= 1.0
    assert sentences[1]["start_s"] >= 5.0
    captions = http.get(f"{answer.headers['location']}/captions.vtt")
    assert captions.text.startswith("WEBVTT\n\n00:00:0")
    assert captions.text.count(" --> ") == 2
    narrated = pcm_in(http.get(f"{answer.headers['location']}/audio?raw=true").content)
    assert len(narrated) == len(before)
    assert narrated != before
    assert pcm_in(http.get("/v1/takes/music/audio?raw=true").content) == before
    file = http.get(f"{answer.headers['location']}/audio").content
    report = http.post("/v1/verifications", content=file, headers={"Content-Type": "application/octet-stream"}).json()
    assert "spoken by a machine" in report["tags"]["comment"]


def test_the_same_narration_asked_twice_is_one_take(http: httpx.Client) -> None:
    count = len(http.get("/v1/takes").json()["takes"])
    ids = {narrate(http, {"script": "Once more."}).json()["request_id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(http.get("/v1/takes").json()["takes"]) == count + 1
    again = narrate(http, {"script": "Other words.", "request_id": next(iter(ids))})
    assert (again.status_code, again.json()["reason"]) == (409, "REQUEST_ID_REUSED")


def test_a_narrated_version_has_no_tokens_to_go_on_from(http: httpx.Client) -> None:
    narrated = narrate(http, {"script": "The end."}).json()["request_id"]
    body = {"prompt": "calm piano", "duration_s": 10, "origin": {"request_id": narrated}}
    refused = http.post("/v1/generations", json=body)
    assert (refused.status_code, refused.json()["reason"]) == (409, "NO_TOKENS")
    assert "music" in refused.json()["detail"]
    assert "not kept" in http.get(f"/v1/takes/{narrated}/timeline").json()["notices"][0]
    assert narrate(http, {"script": "Again."}, take=narrated).json()["reason"] == "NARRATED"
    assert http.delete(f"/v1/takes/{narrated}").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "reason", "field"),
    [
        ({}, 422, "INVALID_INPUT", "sections"),
        ({"script": ""}, 422, "INVALID_INPUT", "script"),
        ({"script": "word " * 1001}, 422, "INVALID_INPUT", "script"),
        ({"script": "Hello", "voice": "bob"}, 404, "NO_SUCH_VOICE", ""),
        ({"script": "Hello", "speed": 9}, 422, "INVALID_INPUT", "speed"),
        ({"script": "音楽"}, 422, "UNSPEAKABLE", "sections[0].text"),
        ({"sections": [{"text": "One."}, {"text": "<b>two</b>"}]}, 422, "UNSPEAKABLE", "sections[1].text"),
        (
            {"script": "This sentence is far too long for a take of eight seconds. " * 3},
            422,
            "SCRIPT_TOO_LONG",
            "sections[0].text",
        ),
        ({"sections": [{"text": "Late.", "start_s": 100}]}, 422, "SCRIPT_TOO_LONG", "sections[0].text"),
    ],
)
def test_a_script_that_cannot_be_spoken_is_refused_by_its_field(
    http: httpx.Client, body: dict[str, Any], status: int, reason: str, field: str
) -> None:
    answer = narrate(http, body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
    if field:
        assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("content", "kind", "status", "reason"),
    [
        (b"", "audio/wav", 422, "EMPTY_FILE"),
        (b"not sound at all", "audio/webm", 422, "NOT_AUDIO"),
        (b"x", "text/plain", 415, ""),
    ],
)
def test_a_recording_that_cannot_be_heard_is_refused(
    http: httpx.Client, content: bytes, kind: str, status: int, reason: str
) -> None:
    answer = http.post("/v1/transcriptions", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    if reason:
        assert answer.json()["reason"] == reason


def test_silence_and_half_a_minute_too_much_are_told(http: httpx.Client, tmp_path: Path) -> None:
    from resonance.audio.wav import wav_header

    def recording(samples: np.ndarray) -> bytes:
        return wav_header(sample_rate_hz=16_000, channel_count=1, sample_count=len(samples)) + samples.tobytes()

    for samples, reason in (
        (np.zeros(32_000, "<i2"), "NOTHING_SAID"),
        ((np.random.default_rng(1).normal(size=40 * 16_000) * 3000).astype("<i2"), "TOO_LONG"),
    ):
        answer = http.post("/v1/transcriptions", content=recording(samples), headers={"Content-Type": "audio/wav"})
        assert (answer.status_code, answer.json()["reason"]) == (422, reason), answer.text


def test_a_take_that_does_not_exist_has_no_narration_and_no_captions(http: httpx.Client) -> None:
    assert narrate(http, {"script": "Hello."}, take="none").json()["reason"] == "NO_SUCH_TAKE"
    assert http.get("/v1/takes/none/captions.vtt").status_code == 404
    assert http.get("/v1/takes/music/captions.vtt").json()["reason"] == "NO_CAPTIONS"
