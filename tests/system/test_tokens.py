"""Stored tokens: longer takes, remade sections, resumed takes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.prepared import prepare_sliders
from tests.system.conftest import System, start, stop

from resonance.audio.wav import pcm_in
from resonance.client import AsyncClient
from resonance.client.requests import build_request
from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel

RATE_HZ = 16_000


def made(http: httpx.Client, **body: Any) -> bytes:
    answer = http.post("/v1/generations", json={"prompt": "folk guitar", "seed": 3, "raw": True, **body})
    assert answer.status_code == 200, answer.text
    return pcm_in(answer.content)


@pytest.fixture
def http(system: System):
    with httpx.Client(base_url=system.http, timeout=60) as http:
        yield http


def test_a_take_is_made_longer(http: httpx.Client) -> None:
    short = made(http, duration_s=2, request_id="short")
    longer = made(http, duration_s=4, request_id="longer", origin={"request_id": "short"})
    assert len(longer) == 2 * 4 * RATE_HZ
    # The last 4 frames of the short take were decoded without knowing what comes after them.
    kept = 2 * (2 * RATE_HZ - 5 * 320)
    assert longer[:kept] == short[:kept]
    assert http.get("/v1/takes/longer").json()["origin"]["request_id"] == "short"


def test_a_section_is_made_anew(http: httpx.Client) -> None:
    whole = made(http, duration_s=4, request_id="whole")
    origin = {"request_id": "whole", "start_s": 1, "end_s": 2}
    changed = made(http, duration_s=4, request_id="changed", origin=origin, seed=8)
    start, end, codec = 2 * RATE_HZ, 2 * 2 * RATE_HZ, 2 * 5 * 320
    assert changed[: start - codec] == whole[: start - codec]
    assert changed[start:end] != whole[start:end]
    # The codec's memory fades: what comes after is the same music, not the same bits.
    codes = [http.get(f"/v1/takes/{name}").json()["codes_sha256"] for name in ("whole", "changed")]
    assert codes[0] != codes[1]


@pytest.mark.parametrize(
    ("origin", "duration_s", "field"),
    [
        ({"request_id": "unknown"}, 4, "origin.request_id"),
        ({"request_id": "base", "start_s": 9}, 20, "origin.start_s"),
        ({"request_id": "base"}, 2, "duration_s"),
        ({"request_id": "base", "start_s": 1, "end_s": 1}, 4, "origin.end_s"),
        ({"request_id": "base", "start_s": 1, "end_s": 8}, 4, "origin.end_s"),
        ({"request_id": "base", "start_s": -1}, 4, "origin.start_s"),
    ],
)
def test_a_bad_origin_names_its_field(http: httpx.Client, origin: dict[str, Any], duration_s: int, field: str) -> None:
    made(http, duration_s=2, request_id="base")
    answer = http.post("/v1/generations", json={"prompt": "jazz", "duration_s": duration_s, "origin": origin})
    assert answer.status_code in {404, 422}
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_cut_take_goes_on_in_a_fresh_process(tmp_path: Path, tiny_folder: Path, tiny: LoadedModel) -> None:
    """kill -9 in the middle; another process with the same store gives exactly the rest of the music."""
    await asyncio.to_thread(prepare_sliders, Settings(data_dir=tmp_path), tiny)
    first = start(tmp_path, tiny_folder)
    request = build_request("folk guitar", duration_s=20, seed=3, request_id="cut-me")
    received = b""
    async with AsyncClient(first.grpc) as client:
        async for response in client.stream(request):
            received += response.chunk.data
            if len(received) > 2 * 8 * RATE_HZ:
                break
    checkpoint = list(tmp_path.rglob("r-cut-me.safetensors*"))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    first.drain.join()
    assert first.process.stdout is not None
    first.process.stdout.close()
    assert checkpoint, "no checkpoint was written"
    second = start(tmp_path, tiny_folder)
    try:
        async with AsyncClient(second.grpc) as client:
            request.resume_sample_offset = len(received) // 2
            rest = b"".join([response.chunk.data async for response in client.stream(request)])
            whole = (await client.make("folk guitar", duration_s=20, seed=3, request_id="never-cut")).pcm
        assert received + rest == whole
        assert not list((tmp_path).rglob("*checkpoints/r-cut-me*")), "the checkpoint outlived its take"
    finally:
        assert stop(second) == 0
