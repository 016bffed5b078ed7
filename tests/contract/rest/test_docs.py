"""Commands of docs/rest-api.md: each works, no route is missing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest
from tests.contract.rest.conftest import Gateway

from resonance.settings import Settings
from resonance_gateway.app import build_app
from resonance_gateway.schema.openapi import build_document

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCS = Path(__file__).resolve().parents[3] / "docs" / "rest-api.md"


def commands() -> list[str]:
    """Every curl command of the document, continued lines joined."""
    text = DOCS.read_text().replace("\\\n", " ")
    return [
        line.strip()
        for line in text.splitlines()
        if line.startswith(("    curl ", *(f"    {name}=$(curl " for name in "ULV")))
    ]


async def test_every_route_is_shown() -> None:
    shown = (
        "\n".join(commands())
        .replace("$T", "{taste_id}")
        .replace("$U", "{upload_id}")
        .replace("$L", "{token}")
        .replace("$K", "{link_id}")
        .replace("$ID", "{request_id}")
        .replace("$N", "{request_id}")
        .replace("$V", "{video_id}")
        .replace("shots/shot-002", "shots/{shot_id}")
        .replace("versions/2", "versions/{version}")
        .replace("$O", "{owner_id}")
        .replace("$S", "{calibration_job_id}")
        .replace("rain", "{name}")
    )
    paths = build_document(build_app(Settings()).routes)["paths"]
    assert [path for path in paths if not re.search(re.escape(path) + r"(?![\w/])", shown)] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
async def test_every_linecommand_works(gateway: Gateway, tmp_path: Path) -> None:
    for name in ("one.mp3", "two.m4a", "three.flac", "wish.wav"):
        (tmp_path / name).write_bytes(b"x" * 1234)  # a length that the document cannot know
    (tmp_path / "body.json").write_text('{"prompt": "x", "melody": "AAAA"}')  # as the printf before it makes it
    taste = (await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()["id"]
    await gateway.http.post("/v1/generations", json={"prompt": "x", "duration_s": 3, "request_id": "id-1"})
    link = (await gateway.http.post("/v1/takes/id-1/link", json={})).json()
    environment = os.environ | {
        "R": gateway.url,
        "T": taste,
        "ID": "id-1",
        "K": link["id"],
        "S": "s-scripted",
        "N": "n-scripted",
        "O": "u-scripted",
    }
    openings = {line[:1]: line for line in commands() if line[1:3] == "=$"}
    failed = []
    for line in commands():
        if "/v1/video" in line:
            continue  # tests/contract/video/test_docs.py, where there is a video service
        before = [opening for name, opening in openings.items() if f"${name}" in line]
        if not await command_works("; ".join([*before, line]), environment, tmp_path):
            failed.append(line)
    assert failed == []


async def command_works(line: str, environment: dict[str, str], folder: Path) -> bool:
    """True if curl succeeds; an HTTP error fails it, except where the document shows an error."""
    shows_refusal = '"duration_s": 900' in line
    checked = line if shows_refusal else line.replace("curl ", "curl --fail ")
    process = await asyncio.create_subprocess_shell(
        checked, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    await process.communicate()
    return process.returncode == 0
