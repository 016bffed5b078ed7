"""Formats, loudness and marks of every exit of the gateway."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
import websockets
from starlette.routing import Route, WebSocketRoute
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import RATE_HZ

from resonance.audio.delivery import watermark_detection
from resonance.audio.delivery.formats import FORMATS
from resonance.audio.delivery.master import loudness_lufs
from resonance.audio.delivery.true_peak import true_peak_db
from resonance.audio.delivery.verification import Verification, verify_file
from resonance.audio.wav import pcm_in
from resonance.settings import Settings
from resonance_gateway.app import build_app

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"prompt": "calm piano", "duration_s": 12, "seed": 5, "request_id": "leaving"}
# Routes that send sound, and the ones whose names say sound but that take it in.
EXITS = {
    "/v1/generations",
    "/v1/audio/music",
    "/v1/takes/{request_id}/audio",
    "/v1/lanes",
    "/shared/{token}",
    "/v1/performances",
    "/v1/rooms/{room_id}",  # its marks: test_rooms.py
    "/v1/speech",  # its marks: test_speech.py
}


async def marks(content: bytes, tmp_path: Path, name: str = "sound") -> Verification:
    path = tmp_path / name
    path.write_bytes(content)
    return await verify_file(path, Settings(data_dir=tmp_path))


def decode(content: bytes) -> tuple[np.ndarray, int]:
    with av.open(io.BytesIO(content)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64), frames[0].sample_rate


async def test_every_route_that_sends_sound_is_known_to_this_file() -> None:
    """A new exit must be added to EXITS, and to the walk below."""
    described = {
        route.path: json.dumps(
            [
                getattr(getattr(route.endpoint, method, None), "operation", None).responses  # type: ignore[union-attr]
                for method in ("get", "post")
                if getattr(getattr(route.endpoint, method, None), "operation", None) is not None
            ]
        )
        for route in build_app(Settings()).routes
        if isinstance(route, Route)
    }
    sending = {path for path, responses in described.items() if "audio/" in responses}
    live = {route.path for route in build_app(Settings()).routes if isinstance(route, WebSocketRoute)}
    assert sending | live == EXITS


@pytest.mark.parametrize("form", FORMATS)
async def test_every_format_leaves_levelled_and_marked_live_and_kept(
    gateway: Gateway, form: str, tmp_path: Path
) -> None:
    live = await gateway.http.post("/v1/generations", json=BODY | {"format": form})
    kept = await gateway.http.get(f"/v1/takes/leaving/audio?format={form}")
    lanes = (await gateway.http.get("/v1/takes/leaving/lanes")).json()
    played = await gateway.http.post(f"/v1/lanes?format={form}", json=lanes)
    for answer in (live, kept, played):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == FORMATS[form].media_type
        samples, rate_hz = decode(answer.content)
        assert samples.size / rate_hz == pytest.approx(12, abs=0.15)
        assert loudness_lufs(samples[None], rate_hz) == pytest.approx(-16, abs=1)
        assert true_peak_db(samples[None]) <= -1
        found = await marks(answer.content, tmp_path)
        assert found.tags["found"]
        # The scripted music is three sines below the watermark's band, of which a lossy codec leaves nothing but themselves. What the
        # mark survives in music is tested in tests/unit/audio/test_watermark.py.
        assert found.watermark["found"] or not FORMATS[form].is_lossless
        assert found.credentials["found"] is bool(FORMATS[form].c2pa_type and (answer is kept or form == "wav"))
    assert abs(samples[0]) < 0.005
    assert abs(samples.mean()) < 0.002


@pytest.mark.parametrize("path", ["/v1/generations", "/v1/takes/leaving/audio"])
async def test_raw_samples_are_the_models_own_in_a_file_that_says_so(
    gateway: Gateway, path: str, tmp_path: Path
) -> None:
    await gateway.http.post("/v1/generations", json=BODY)
    if path == "/v1/generations":
        answer = await gateway.http.post(path, json=BODY | {"raw": True})
    else:
        answer = await gateway.http.get(f"{path}?raw=true")
    assert pcm_in(answer.content) == gateway.script.takes["leaving"][1]
    assert int(answer.headers["content-length"]) == len(answer.content)
    found = await marks(answer.content, tmp_path)
    assert (found.tags["found"], found.credentials["found"], found.watermark["found"]) == (True, True, False)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("form", ["wav", "flac", "pcm"])
async def test_music_in_openais_shape_is_marked(gateway: Gateway, form: str, stream: bool, tmp_path: Path) -> None:
    body = {"input": "calm piano", "duration_s": 12, "seed": 5, "response_format": form, "stream": stream}
    answer = await gateway.http.post("/v1/audio/music", json=body)
    if form == "pcm":
        samples = soxr.resample(np.frombuffer(answer.content, "<i2") / 32768, 24_000, watermark_detection.RATE_HZ)
        assert watermark_detection.detect(samples).is_marked
        return
    found = await marks(answer.content, tmp_path)
    assert (found.tags["found"], found.watermark["found"]) == (True, True)
    assert found.credentials["found"] is (form == "wav" or not stream)


async def test_live_chunks_carry_the_watermark_and_as_many_samples_as_were_played(gateway: Gateway) -> None:
    gateway.script.live_chunk_wait_s = 0.02  # the script ends after 500 chunks, stopped or not
    uri = gateway.url.replace("http", "ws") + "/v1/performances"
    parts, offset = [], 0
    async with websockets.connect(uri) as socket:
        await socket.send(json.dumps({"prompt": "calm piano"}))
        while offset < 12 * RATE_HZ:
            event = json.loads(await socket.recv())
            if event["type"] == "chunk":
                assert event["sample_offset"] == offset
                offset += event["sample_count"]
                parts.append(await socket.recv())
                assert len(parts[-1]) == 2 * event["sample_count"]
        await socket.send(json.dumps({"command": "stop"}))
        while (event := json.loads(await socket.recv()))["type"] != "finished":
            if event["type"] == "chunk":
                offset += event["sample_count"]
                await socket.recv()
    assert event["sample_count_total"] == offset
    samples = np.frombuffer(b"".join(parts), "<i2")[:: RATE_HZ // watermark_detection.RATE_HZ] / 32767
    assert watermark_detection.detect(samples).is_marked


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("audio/mpeg", "audio/mpeg"),
        ("audio/flac;q=0.5, audio/ogg", "audio/ogg"),
        ("*/*", "audio/wav"),
        ("audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,*/*;q=0.5", "audio/wav"),
        ("application/json", None),
        ("audio/midi", None),
    ],
)
async def test_accept_chooses_the_format(gateway: Gateway, accept: str, media_type: str | None) -> None:
    body = {"prompt": "calm piano", "duration_s": 1, "request_id": "short"}
    live = await gateway.http.post("/v1/generations", json=body, headers={"Accept": accept})
    await gateway.http.post("/v1/generations", json=body)
    kept = await gateway.http.get("/v1/takes/short/audio", headers={"Accept": accept})
    for answer in (live, kept):
        if media_type is None:
            assert (answer.status_code, answer.json()["reason"]) == (406, "NOT_ACCEPTABLE")
            assert "audio/flac" in answer.json()["detail"]
        else:
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
            assert "Accept" in answer.headers["vary"]


async def test_an_unknown_format_is_a_fault_that_lists_the_formats(gateway: Gateway) -> None:
    body = {"prompt": "calm piano", "duration_s": 1, "request_id": "short"}
    await gateway.http.post("/v1/generations", json=body)
    answers = [
        await gateway.http.post("/v1/generations", json=body | {"format": "wma"}),
        await gateway.http.post("/v1/generations?format=wma", json=body),
        await gateway.http.get("/v1/takes/short/audio?format=wma"),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["reason"] == "UNKNOWN_FORMAT"
        assert "wav, flac, mp3, opus, m4a" in answer.json()["detail"]
    answer = await gateway.http.get("/v1/takes/short/audio?format=mp3&raw=true")
    assert (answer.status_code, answer.json()["errors"][0]["reason"]) == (422, "NOT_LOSSLESS")


async def test_many_who_ask_at_once_get_one_file(gateway: Gateway) -> None:
    await gateway.http.post("/v1/generations", json=BODY)
    url = "/v1/takes/leaving/audio?format=mp3&level=false"
    answers = await asyncio.gather(*(gateway.http.get(url) for _ in range(4)))
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1


async def test_a_changed_file_is_told_from_a_whole_one(gateway: Gateway) -> None:
    await gateway.http.post("/v1/generations", json=BODY)
    whole = bytearray((await gateway.http.get("/v1/takes/leaving/audio")).content)
    report = (await verify(gateway, bytes(whole))).json()
    assert report["made_by_machine"]
    assert report["content_credentials"]["is_unchanged"]
    assert report["content_credentials"]["digital_source_type"].endswith("trainedAlgorithmicMedia")
    assert report["watermark"]["found"]
    whole[100_000] ^= 1
    report = (await verify(gateway, bytes(whole))).json()
    assert not report["content_credentials"]["is_unchanged"]
    assert report["watermark"]["found"]
    assert (await verify(gateway, b"no sound at all")).status_code == 422


async def verify(gateway: Gateway, content: bytes):
    headers = {"Content-Type": "application/octet-stream"}
    return await gateway.http.post("/v1/verifications", content=content, headers=headers)
