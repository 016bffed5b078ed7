"""POST /v1/generations: exact length, streaming, early failures."""

from __future__ import annotations

import asyncio
import io
import json
import struct

import httpx
import pytest
import soundfile
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import CUT_FOR_GOOD, RATE_HZ
from tests.contract.rest.scripted_music import hum

from resonance.audio.wav import pcm_in
from resonance.v1 import generate_pb2, steering_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

BODY = {"prompt": "calm piano", "duration_s": 2, "seed": 5}


@pytest.mark.parametrize("is_raw", [False, True])
async def test_a_take_is_a_wav_of_the_announced_length(gateway: Gateway, is_raw: bool) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | {"raw": is_raw})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content)
    riff, size, rate = struct.unpack_from("<4sI16xI", answer.content)
    assert (riff, size, rate) == (b"RIFF", len(answer.content) - 8, RATE_HZ)
    samples = hum(generate_pb2.GenerateRequest(duration_s=2, seed=5))
    assert len(pcm_in(answer.content)) == len(samples)
    assert (pcm_in(answer.content) == samples) is is_raw


async def test_the_file_says_that_a_machine_made_it_and_how(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | {"request_id": "tagged"})
    with soundfile.SoundFile(io.BytesIO(answer.content)) as song:
        metadata = song.copy_metadata()
    assert metadata["title"] == "calm piano"
    assert "machine" in metadata["artist"]
    assert metadata["comment"].startswith("This music was made by a machine: ")
    recipe = json.loads(metadata["comment"].split("Recipe: ", 1)[1])
    assert (recipe["recipe"]["prompts"][0]["text"], recipe["seed"]) == ("calm piano", 5)


async def test_the_headers_tell_how_it_was_made(gateway: Gateway) -> None:
    body = BODY | {"request_id": "mine-1", "taste_id": "t-1", "sliders": {"energy": 0.5, "tempo": 0}}
    headers = (await gateway.http.post("/v1/generations", json=body)).headers
    assert headers["x-request-id"] == "mine-1"
    assert headers["x-sample-rate"] == str(RATE_HZ)
    assert headers["x-duration-s"] == "2"
    assert headers["x-backend"] == "transformers"
    assert headers["x-model"] == "scripted"
    assert headers["x-seed"] == "5"
    assert json.loads(headers["x-steering"]) == {"tastes": {"t-1": 1.0}, "sliders": {"energy": 0.5}}


async def test_words_alone_are_said_to_steer_nothing(gateway: Gateway) -> None:
    assert (await gateway.http.post("/v1/generations", json=BODY)).headers["x-steering"] == "none"


async def test_the_strengths_that_play_are_told_and_not_the_ones_that_were_asked_for(gateway: Gateway) -> None:
    gateway.script.played = (
        steering_pb2.PlayedStrength(kind=steering_pb2.STEERING_KIND_CONCEPT, name="warm", asked=8, strength=0.39),
        steering_pb2.PlayedStrength(kind=steering_pb2.STEERING_KIND_SLIDER, name="energy", asked=-0.5, strength=0),
        steering_pb2.PlayedStrength(kind=steering_pb2.STEERING_KIND_SLIDER, name="tempo", asked=0.5, strength=2),
    )
    body = BODY | {"concepts": [{"name": "warm", "strength": 8}], "sliders": {"energy": -0.5, "tempo": 0.5}}
    answer = await gateway.http.post("/v1/generations", json=body)
    assert json.loads(answer.headers["x-steering"]) == {"concepts": {"warm": 0.39}, "sliders": {"tempo": 0.5}}


async def test_notices_reach_the_caller_as_ascii_json(gateway: Gateway) -> None:
    gateway.script.notices = ("energy was held at 2 – its safe range",)
    answer = await gateway.http.post("/v1/generations", json=BODY)
    assert json.loads(answer.headers["x-notices"]) == ["energy was held at 2 – its safe range"]


async def test_every_field_of_the_body_reaches_the_service(gateway: Gateway) -> None:
    body = BODY | {
        "tastes": [{"taste_id": "t-2", "strength": -1.5, "layer_mode": "one_to_all", "layer_gains": {"3": 0.5}}],
        "concepts": [{"name": "rain", "strength": 2.0}],
        "chunk_s": 0.5,
        "guidance_scale": 3.5,
        "temperature": 0.9,
        "top_k": 100,
        "novelty": 0.5,
        "steering_target": "both",
    }
    await gateway.http.post("/v1/generations", json=body)
    (request,) = gateway.script.generate_requests
    recipe = request.recipe
    assert recipe.prompts[0].text == "calm piano"
    assert (recipe.tastes[0].taste_id, recipe.tastes[0].strength, recipe.tastes[0].layer_mode) == ("t-2", -1.5, 2)
    assert dict(recipe.tastes[0].layer_gains) == {3: 0.5}
    assert (recipe.concepts[0].name, recipe.concepts[0].strength) == ("rain", 2.0)
    assert (recipe.guidance_scale, recipe.temperature, recipe.top_k, recipe.novelty, recipe.steering_target) == (
        3.5,
        0.9,
        100,
        0.5,
        2,
    )
    assert (request.chunk_s, request.seed, request.duration_s) == (0.5, 5, 2)


async def test_chunks_arrive_while_the_take_is_made(gateway: Gateway) -> None:
    gateway.script.chunk_wait_s = 0.05
    loop, arrivals = asyncio.get_running_loop(), []
    async with gateway.http.stream("POST", "/v1/generations", json=BODY) as answer:
        async for _ in answer.aiter_raw():
            arrivals.append(loop.time())
    assert len(arrivals) >= 3
    assert arrivals[-1] - arrivals[0] > 0.08


async def test_leaving_stops_the_take_at_the_service(gateway: Gateway) -> None:
    gateway.script.chunk_wait_s = 0.05
    async with gateway.http.stream("POST", "/v1/generations", json=BODY | {"duration_s": 60}) as answer:
        await anext(answer.aiter_raw())
        assert gateway.script.streams_open == 1
    await gateway.script.until_streams_open(0)


async def test_leaving_before_the_first_chunk_stops_the_take_as_well(gateway: Gateway) -> None:
    gateway.script.chunk_wait_s = 5
    with pytest.raises(httpx.ReadTimeout):
        await gateway.http.post("/v1/generations", json=BODY, timeout=0.3)
    assert gateway.script.generate_requests
    await gateway.script.until_streams_open(0)


@pytest.mark.parametrize("fault", ["cut", "wrong_digest"])
async def test_a_stream_without_a_true_end_mark_ends_short(gateway: Gateway, fault: str) -> None:
    gateway.script.cuts = [2, *CUT_FOR_GOOD] if fault == "cut" else []
    gateway.script.wrong_digest = fault == "wrong_digest"
    pieces: list[bytes] = []
    with pytest.raises(httpx.RemoteProtocolError):
        await _collect(gateway, pieces)
    assert 0 < sum(map(len, pieces)) < 2 * RATE_HZ * 2


async def test_a_take_is_resumed_at_its_sample_by_the_gateway_itself(gateway: Gateway) -> None:
    """Its call is cut three times, the second time before a new sample came."""
    body = BODY | {"raw": True}
    whole = (await gateway.http.post("/v1/generations", json=body | {"request_id": "whole"})).content
    gateway.script.cuts = [2, 0, 1]
    answer = await gateway.http.post("/v1/generations", json=body | {"request_id": "cut-thrice"})
    assert pcm_in(answer.content) == pcm_in(whole)
    offsets = [one.resume_sample_offset for one in gateway.script.generate_requests if one.request_id == "cut-thrice"]
    assert offsets == [0, RATE_HZ, RATE_HZ, RATE_HZ + RATE_HZ // 2]


@pytest.mark.parametrize("is_raw", [False, True])
async def test_resuming_gives_the_samples_that_are_left(gateway: Gateway, is_raw: bool) -> None:
    asked = BODY | {"request_id": "again", "raw": is_raw}
    whole = pcm_in((await gateway.http.post("/v1/generations", json=asked)).content)
    body = asked | {"resume_sample_offset": 12_345}
    answer = await gateway.http.post("/v1/generations", json=body)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (answer.headers["x-sample-offset"], answer.headers["x-sample-format"]) == ("12345", "s16le")
    assert answer.content == whole[2 * 12_345 :]


@pytest.mark.parametrize(("offset", "status"), [(2 * RATE_HZ, 200), (2 * RATE_HZ + 1, 422), (2**62, 422)])
async def test_resuming_at_the_end_is_empty_and_beyond_it_a_fault(gateway: Gateway, offset: int, status: int) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | {"resume_sample_offset": offset})
    assert answer.status_code == status
    assert status != 200 or answer.content == b""


async def test_a_full_house_is_429_with_a_time_to_come_back(gateway: Gateway) -> None:
    gateway.script.is_full = True
    answer = await gateway.http.post("/v1/generations", json=BODY)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "OVERLOADED"


async def test_a_taste_of_another_model_is_a_conflict_that_says_so(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | {"taste_id": "other-1"})
    assert answer.status_code == 409
    assert answer.json()["reason"] == "MODEL_MISMATCH"


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"prompt": ""}, "prompt", "REQUIRED"),
        ({"prompt": "  \n"}, "prompt", "REQUIRED"),
        ({"prompt": "x" * 100_000}, "prompt", "TOO_LONG"),
        ({"prompt": 7}, "prompt", "WRONG_TYPE"),
        ({"duration_s": 0.5}, "duration_s", "TOO_SMALL"),
        ({"duration_s": 301}, "duration_s", "TOO_LARGE"),
        ({"duration_s": "10"}, "duration_s", "WRONG_TYPE"),
        ({"seed": -1}, "seed", "TOO_SMALL"),
        ({"seed": 1.5}, "seed", "WRONG_TYPE"),
        ({"sliders": {"energy": 1.01}}, "sliders.energy", "TOO_LARGE"),
        ({"sliders": {"volume": 1}}, "sliders.volume", "UNKNOWN_FIELD"),
        ({"tastes": [{"taste_id": "A b"}]}, "tastes[0].taste_id", "MALFORMED"),
        ({"tastes": [{"taste_id": "a"}] * 9}, "tastes", "TOO_MANY"),
        ({"mood": "sad"}, "mood", "UNKNOWN_FIELD"),
        ({"request_id": "a b"}, "request_id", "MALFORMED"),
    ],
)
async def test_a_fault_is_422_and_names_its_field(gateway: Gateway, change: dict, field: str, reason: str) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | change)
    assert answer.status_code == 422
    assert (field, reason) in [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]]


async def test_all_faults_are_named_at_once(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", json={"duration_s": 0, "sliders": {"tempo": -2}})
    assert {fault["field"] for fault in answer.json()["errors"]} == {"prompt", "duration_s", "sliders.tempo"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b"\xff\xfe", 400),
        (b'{"prompt": "\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b'{"prompt": "x", "duration_s": NaN}', 422),
        (b'{"prompt": "x", "duration_s": Infinity}', 422),
        (b'{"prompt": "x", "duration_s": 1e400}', 422),
        (b'{"prompt": "x", "seed": ' + b"9" * 1000 + b"}", 422),
        (b'{"prompt": "x", "seed": ' + b"9" * 10_000 + b"}", 400),
        (b'{"prompt": "' + b"x" * 250_000 + b'"}', 422),
        (b'{"melody": "' + b"A" * 18_000_000 + b'"}', 413),
    ],
    ids=lambda value: repr(value)[:32],
)
async def test_no_body_is_bad_enough_for_a_500(gateway: Gateway, content: bytes, status: int) -> None:
    answer = await gateway.http.post("/v1/generations", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_another_content_type_is_415(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", content=b"<a/>", headers={"content-type": "text/xml"})
    assert answer.status_code == 415


async def _collect(gateway: Gateway, pieces: list[bytes]) -> None:
    async with gateway.http.stream("POST", "/v1/generations", json=BODY) as answer:
        async for piece in answer.aiter_raw():
            pieces.append(piece)
