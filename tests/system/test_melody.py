"""Melody conditioning through gRPC, REST, WebSocket and command line.

The tests run the whole system on a melody checkpoint and on one that is none.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support.checkpoints import TINY_MELODY, make_checkpoint
from support.sounds import write_sound
from tests.system.conftest import System, start, stop
from tests.system.test_performances import opened, until

from resonance.audio.wav import pcm_in
from resonance.client import AsyncClient
from resonance.client.requests import build_request
from resonance.errors import InvalidInput, ResonanceError, Unsupported
from resonance.ids import sha256_hex
from resonance.v1 import generate_pb2


@pytest.fixture(scope="module")
def melodic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose model follows melodies."""
    model = make_checkpoint(tmp_path_factory.mktemp("models") / "melody", TINY_MELODY)
    running = start(tmp_path_factory.mktemp("data"), model)
    try:
        yield running
    finally:
        assert stop(running) == 0


@pytest.fixture(scope="module")
def melodies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("melodies")
    return {
        "a": write_sound(folder / "a.mp3", duration_s=3.0, pitch_hz=220.0),
        "a-again": write_sound(folder / "a.flac", duration_s=3.0, pitch_hz=220.0),
        "e": write_sound(folder / "e.wav", duration_s=3.0, pitch_hz=329.63),
        "long": write_sound(folder / "long.mp3", duration_s=40.0, pitch_hz=220.0),
    }


def body(**more: Any) -> dict[str, Any]:
    return {"prompt": "calm piano", "duration_s": 1, "seed": 3, "temperature": 0.0, **more}


def in_base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def posted(system: System, **more: Any) -> httpx.Response:
    return httpx.post(f"{system.http}/v1/generations", json=body(**more), timeout=60)


def test_the_model_says_whether_it_follows_a_melody(melodic: System, system: System) -> None:
    for running, answer in ((melodic, True), (system, False)):
        models = httpx.get(f"{running.http}/v1/models").json()
        assert f'"melody": {json.dumps(answer)}' in json.dumps(models)


def test_a_melody_changes_the_music_and_its_file_format_does_not(melodic: System, melodies: dict[str, Path]) -> None:
    bare = posted(melodic)
    first, again, other = (posted(melodic, melody=in_base64(melodies[name])) for name in ("a", "a-again", "e"))
    assert [answer.status_code for answer in (bare, first, again, other)] == [200] * 4, first.text[:300]
    assert pcm_in(first.content) == pcm_in(again.content)
    assert len({pcm_in(answer.content) for answer in (bare, first, other)}) == 3


async def test_a_take_with_a_melody_is_kept_resumed_and_distinguished_from_another(
    melodic: System, melodies: dict[str, Path]
) -> None:
    sound = melodies["a"].read_bytes()
    async with AsyncClient(melodic.grpc) as client:
        song = await client.make("jazz", duration_s=2.0, seed=1, request_id="melody-one", melody=sound)
        assert len(song.take.melody_sha256) == 64
        request = build_request("jazz", duration_s=2.0, seed=1, request_id="melody-one", melody=sound)
        request.resume_sample_offset = 1_000
        rest = b"".join([event.chunk.data async for event in client.stream(request)])
        assert song.pcm.endswith(rest)
        with pytest.raises(ResonanceError) as reused:
            await client.make(
                "jazz", duration_s=2.0, seed=1, request_id="melody-one", melody=melodies["e"].read_bytes()
            )
        assert reused.value.reason == "REQUEST_ID_REUSED"


async def test_a_performance_follows_a_melody_and_a_new_prompt(melodic: System, melodies: dict[str, Path]) -> None:
    async with opened(melodic) as socket:
        await socket.send(json.dumps({"prompt": "calm piano", "melody": in_base64(melodies["a"])}))
        await until(socket, "chunk")
        await socket.send(json.dumps({"recipe": {"prompt": "fast rock with drums and deep bass"}}))
        in_force, _ = await until(socket, "recipe")
        assert in_force["fault"] is None
        recipe_id = ""
        while recipe_id != in_force["recipe_id"]:
            chunk, samples = await until(socket, "chunk")
            recipe_id = chunk["recipe_id"]
            assert np.frombuffer(samples, "<i2").any()
        await socket.send(json.dumps({"command": "stop"}))
        await until(socket, "finished")


async def test_a_melody_comes_changes_and_goes_while_the_music_plays(
    melodic: System, melodies: dict[str, Path]
) -> None:
    """Over the WebSocket: each melody is in force from a sample on, a bad one changes nothing, and there is no gap in the samples."""
    async with opened(melodic) as socket:
        await socket.send(json.dumps({"prompt": "calm piano", "seed": 5}))
        _, received = await until(socket, "chunk")
        offsets = []
        for control, name in (
            ({"melody": in_base64(melodies["a"])}, "a"),
            ({"melody": in_base64(melodies["e"]), "recipe": {"prompt": "jazz"}}, "e"),
            ({"recipe": {"prompt": "rock"}}, "e"),
            ({"without_melody": True}, ""),
        ):
            await socket.send(json.dumps(control))
            in_force, more = await until(socket, "recipe")
            assert in_force["fault"] is None
            assert in_force["melody_sha256"] == (sha256_hex(melodies[name].read_bytes()) if name else "")
            offsets.append(in_force["sample_offset"])
            received += more + (await until(socket, "chunk"))[1]
        assert offsets == sorted(offsets)
        for control, reason in (
            ({"melody": in_base64(melodies["long"])}, "TOO_LONG"),
            ({"melody": base64.b64encode(b"no sound" * 99).decode()}, "NOT_AUDIO"),
        ):
            await socket.send(json.dumps(control))
            refused, more = await until(socket, "recipe")
            assert reason in refused["fault"]
            received += more
        await socket.send(json.dumps({"command": "stop"}))
        end, rest = await until(socket, "finished")
        assert end["sample_count_total"] == len(received + rest) // 2


async def test_a_melody_given_while_the_music_plays_changes_it(melodic: System, melodies: dict[str, Path]) -> None:
    """Over gRPC, greedily: up to the melody it is the music that it would have been, and then it is other music."""

    async def played(*, melody: bytes) -> tuple[bytes, int]:
        async with AsyncClient(melodic.grpc) as client:
            call: Any = client.generate.Perform()
            opening = generate_pb2.PerformOpening(seed=5)
            opening.recipe.prompts.add(text="calm piano")
            opening.recipe.temperature = 0.0
            await call.write(generate_pb2.PerformRequest(opening=opening))
            pcm, offset = b"", -1
            while len(pcm) < 2 * 16_000 * 5:
                response = await call.read()
                if response.WhichOneof("event") == "chunk":
                    if not pcm and melody:
                        control = generate_pb2.PerformControl(melody=generate_pb2.Melody(wav=melody))
                        await call.write(generate_pb2.PerformRequest(control=control))
                    pcm += response.chunk.data
                elif response.WhichOneof("event") == "recipe":
                    assert not response.recipe.HasField("fault"), response.recipe.fault
                    offset = response.recipe.sample_offset
            call.cancel()
            return pcm, offset

    bare, _ = await played(melody=b"")
    followed, offset = await played(melody=melodies["a"].read_bytes())
    # EnCodec looks a few frames ahead: its sound may differ a little before the first other frame.
    known = 2 * (offset - 8 * 320)
    assert 0 < known < len(followed) - 2 * 16_000
    assert followed[:known] == bare[:known]
    assert followed[known:] != bare[known : len(followed)]


HOSTILE = {
    "nothing": (b"", "EMPTY_FILE"),
    "no sound": (b"ffconcat version 1.0\nfile /etc/passwd\n" * 40, "NOT_AUDIO"),
    "noise": (bytes(range(256)) * 64, "NOT_AUDIO"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_no_sound_is_refused_by_its_field(melodic: System, kind: str) -> None:
    data, reason = HOSTILE[kind]
    request = generate_pb2.GenerateRequest(duration_s=1)
    request.recipe.prompts.add(text="jazz")
    request.melody.wav = data
    async with AsyncClient(melodic.grpc) as client:
        with pytest.raises(InvalidInput) as refused:
            async for _ in client.stream(request):
                pass
    assert [(fault.field, fault.reason) for fault in refused.value.violations] == [("melody.wav", reason)]


def test_a_melody_that_is_too_long_silent_or_not_base64_is_refused_in_words(
    melodic: System, melodies: dict[str, Path], tmp_path: Path
) -> None:
    silence = write_sound(tmp_path / "silence.wav", duration_s=2.0, level=0.0)
    for melody, reason in (
        (in_base64(melodies["long"]), "TOO_LONG"),
        (in_base64(silence), "SILENT"),
        ("!!!not base64", "MALFORMED"),
        (base64.b64encode(bytes(6 * 1024 * 1024 + 1)).decode(), "TOO_LONG"),
    ):
        answer = posted(melodic, melody=melody)
        assert answer.status_code in (400, 422), answer.text[:300]
        assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [("melody", reason)]


def test_a_melody_that_is_too_long_and_a_body_beyond_all_sounds_are_refused(melodic: System) -> None:
    answer = posted(melodic, melody="A" * 9_000_000)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "melody")
    assert posted(melodic, melody="A" * 20_000_000).status_code == 413


async def test_a_text_model_refuses_a_melody_everywhere(system: System, melodies: dict[str, Path]) -> None:
    answer = posted(system, melody=in_base64(melodies["a"]))
    assert answer.status_code == 501
    assert answer.json()["reason"] == "NO_MELODY"
    async with AsyncClient(system.grpc) as client:
        with pytest.raises(Unsupported) as refused:
            await client.make("jazz", duration_s=1.0, melody=melodies["a"].read_bytes())
        assert refused.value.reason == "NO_MELODY"
    async with opened(system) as socket:
        await socket.send(json.dumps({"prompt": "jazz", "melody": in_base64(melodies["a"])}))
        problem, _ = await until(socket, "problem")
        assert problem["problem"]["reason"] == "NO_MELODY"


def test_the_command_line_takes_a_melody(melodic: System, melodies: dict[str, Path], tmp_path: Path) -> None:
    def made(*options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "resonance_cli",
            "make",
            "jazz",
            "--address",
            melodic.grpc,
            "--duration-s",
            "1",
        ]
        out = str(tmp_path / "song.wav")
        return subprocess.run([*command, "--out", out, *options], capture_output=True, text=True, check=False)

    assert made("--melody", str(melodies["a"])).returncode == 0
    assert len(pcm_in((tmp_path / "song.wav").read_bytes())) == 2 * 16_000
    missing = made("--melody", str(tmp_path / "none.mp3"))
    assert missing.returncode == 1
    assert "is not a file" in missing.stderr


async def test_a_client_that_leaves_while_a_melody_is_decoded_leaves_nothing_behind(
    melodic: System, melodies: dict[str, Path]
) -> None:
    async with AsyncClient(melodic.grpc) as client:
        request = build_request("jazz", duration_s=60.0, melody=melodies["e"].read_bytes())
        for wait_s in (0.01, 0.1, 0.3):
            leaving = asyncio.ensure_future(anext(client.stream(request)))
            await asyncio.sleep(wait_s)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
    deadline_s = time.monotonic() + 5
    while children := _decoders(melodic.process.pid):
        assert time.monotonic() < deadline_s, children
        await asyncio.sleep(0.05)


def _decoders(pid: int) -> list[str]:
    """Decoder children of the process that are still running."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = [(child, Path(f"/proc/{child}/cmdline")) for child in children]
    return [child for child, line in lines if line.exists() and b"decode_worker" in line.read_bytes()]


def test_the_command_line_performs_along_a_melody_and_applies_typed_lines(
    melodic: System, melodies: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "live.wav"
    lines = [f"melody {melodies['e']}", "prompt fast rock", f"melody {tmp_path / 'none.mp3'}", "louder", "no melody"]
    command = [sys.executable, "-m", "resonance_cli", "perform", "calm piano", "--address", melodic.grpc]
    played = subprocess.run(
        [*command, "--melody", str(melodies["a"]), "--duration-s", "4", "--out", str(out)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    for text in (
        "s: calm piano, along a melody",
        "s: fast rock, along a melody",
        "s: fast rock\n",
        "is not a file",
        "louder",
    ):
        assert text in played.stdout, played.stdout
    with wave.open(str(out)) as file:
        assert file.getnframes() >= 4 * 16_000
        assert np.frombuffer(file.readframes(file.getnframes()), "<i2").any()


def test_the_command_line_prints_a_text_models_refusal(
    system: System, melodies: dict[str, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "resonance_cli", "perform", "jazz", "--address", system.grpc]
    out = ["--out", str(tmp_path / "live.wav")]
    refused = subprocess.run(
        [*command, *out, "--melody", str(melodies["a"])],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "cannot follow a melody" in " ".join(refused.stderr.split())
    assert not (tmp_path / "live.wav").exists()
