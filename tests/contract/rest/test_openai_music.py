"""`/v1/audio/music` as OpenAI's own client reads it."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import CUT_FOR_GOOD, MODEL

from resonance.audio.delivery.master import loudness_lufs
from resonance.errors import Unavailable
from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"model": "resonance", "input": "calm piano", "duration_s": 4, "seed": 5}


class MusicEvent(openai.BaseModel):
    """One event of the stream, as OpenAI's client parses it."""

    type: str
    audio: str = ""
    usage: dict[str, Any] | None = None


@pytest_asyncio.fixture(loop_scope="session")
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="rk-none", max_retries=0) as made:
        yield made


async def make(client: openai.AsyncOpenAI, **fields: Any) -> httpx.Response:
    return await client.post("/audio/music", body=BODY | fields, cast_to=httpx.Response)


def decode(content: bytes) -> tuple[np.ndarray, int]:
    with av.open(io.BytesIO(content)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64), frames[0].sample_rate


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "opus", "aac", "pcm"])
@pytest.mark.parametrize("stream", [True, False])
async def test_openais_client_gets_each_format_streamed_and_whole(
    client: openai.AsyncOpenAI, form: str, stream: bool
) -> None:
    response = await make(client, response_format=form, stream=stream)
    if form == "pcm":
        rate_hz = int(response.headers["x-sample-rate"])
        assert (rate_hz, response.headers["content-type"]) == (24_000, "audio/pcm")
        samples = np.frombuffer(response.content, "<i2") / 32768
    else:
        samples, rate_hz = decode(response.content)
    assert samples.size / rate_hz == pytest.approx(4, abs=0.15)
    assert loudness_lufs(samples[None], rate_hz) == pytest.approx(-16, abs=1.5 if stream else 0.5)
    assert (response.headers.get("content-length") is None) is (stream and form != "wav")
    assert response.headers["x-seed"] == "5"


async def test_events_carry_the_same_file_as_the_bytes(client: openai.AsyncOpenAI) -> None:
    plain = (await make(client, response_format="mp3")).content
    stream = await client.post(
        "/audio/music",
        body=BODY | {"response_format": "mp3", "stream_format": "sse"},
        cast_to=MusicEvent,
        stream=True,
        stream_cls=openai.AsyncStream[MusicEvent],
    )
    events = [event async for event in stream]
    assert [event.type for event in events[:-1]] == ["music.audio.delta"] * (len(events) - 1)
    assert len(events) > 3
    assert (events[-1].type, events[-1].usage) == ("music.audio.done", {"duration_s": 4.0, "seed": 5})
    sent = b"".join(base64.b64decode(event.audio) for event in events)
    # Tags name the take, whose id differs; the sound is the same.
    assert np.array_equal(decode(sent)[0], decode(plain)[0])


async def test_input_and_instructions_are_one_prompt_and_a_retry_is_one_take(
    gateway: Gateway, client: openai.AsyncOpenAI
) -> None:
    await client.post(
        "/audio/music",
        body=BODY | {"instructions": "slow and soft"},
        cast_to=httpx.Response,
        options={"headers": {"Idempotency-Key": "try-1"}},
    )
    sent = gateway.script.generate_requests[-1]
    assert sent.recipe.prompts[0].text == "calm piano, slow and soft"
    assert (sent.request_id, sent.seed, sent.duration_s) == ("try-1", 5, 4)


async def test_a_take_that_is_sent_whole_is_the_kept_file_of_the_library(
    gateway: Gateway, client: openai.AsyncOpenAI
) -> None:
    response = await make(client, response_format="flac", stream=False)
    kept = await gateway.http.get(f"/v1/takes/{response.headers['x-request-id']}/audio?format=flac")
    assert kept.content == response.content


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", "missing_required_parameter"),
        ({"input": 5}, 400, "input", "invalid_type"),
        ({"voice": "alloy"}, 400, "voice", "unknown_parameter"),
        ({"response_format": "wma"}, 400, "response_format", "unknown_value"),
        ({"duration_s": 1000}, 400, "duration_s", "too_large"),
        ({"instructions": "x" * 2000}, 400, "instructions", "too_long"),
        ({"stream": False, "stream_format": "sse"}, 400, "stream_format", "conflict"),
        ({"model": "gpt-4o-mini-tts"}, 404, None, "model_not_found"),
    ],
)
async def test_faults_are_openais_errors(
    client: openai.AsyncOpenAI, fields: dict[str, Any], status: int, param: str | None, code: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await make(client, **fields)
    error = caught.value
    assert isinstance(error, openai.NotFoundError if status == 404 else openai.BadRequestError)
    assert (error.status_code, error.param, error.code, error.type) == (status, param, code, "invalid_request_error")
    assert error.message


async def test_the_loaded_models_own_name_is_known(client: openai.AsyncOpenAI) -> None:
    assert (await make(client, model=MODEL.model_id)).status_code == 200


async def test_a_full_server_is_a_rate_limit_and_a_lost_service_a_server_error(
    gateway: Gateway, client: openai.AsyncOpenAI
) -> None:
    gateway.script.is_full = True
    with pytest.raises(openai.RateLimitError) as full:
        await make(client)
    assert full.value.response.headers["retry-after"] == "3"
    gateway.script.is_full = False
    gateway.script.refusals["Generate"] = Unavailable("the service is away", retry_after_s=1.0)
    with pytest.raises(openai.InternalServerError) as away:
        await make(client)
    assert (away.value.status_code, away.value.type) == (503, "server_error")


async def test_a_take_that_is_cut_ends_the_events_with_an_error(gateway: Gateway, client: openai.AsyncOpenAI) -> None:
    gateway.script.cuts = [3, *CUT_FOR_GOOD]
    stream = await client.post(
        "/audio/music",
        body=BODY | {"stream_format": "sse"},
        cast_to=MusicEvent,
        stream=True,
        stream_cls=openai.AsyncStream[MusicEvent],
    )
    with pytest.raises(openai.APIError) as caught:
        _ = [event async for event in stream]
    assert caught.value.code == "stream_cut"


async def test_errors_before_the_handler_have_openais_shape_too(gateway: Gateway) -> None:
    answers = [
        await gateway.http.get("/v1/audio/music"),
        await gateway.http.post("/v1/audio/speech", json=BODY),
        await gateway.http.post("/v1/audio/music", content=b"{", headers={"content-type": "application/json"}),
        await gateway.http.post("/v1/audio/music", json=BODY, headers={"host": "elsewhere.example"}),
        await gateway.http.post("/v1/audio/music", json=BODY | {"input": "x" * 300_000}),
    ]
    assert [answer.status_code for answer in answers] == [405, 404, 400, 421, 413]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_missing_key_is_openais_authentication_error(tmp_path: Path) -> None:
    settings = Settings(
        http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:1", data_dir=tmp_path, auth="on", service_key="s" * 32
    )
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.post("/v1/audio/music", json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
