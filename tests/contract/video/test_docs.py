"""Commands about videos in docs/rest-api.md: each works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.filming import TAKE_ID
from tests.contract.rest.test_docs import command_works, commands

from resonance_gateway.build import open_gateway

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")]


async def test_every_line_works(studio: Any, tmp_path: Path) -> None:
    settings = studio.settings.model_copy(
        update={"http_addr": "127.0.0.1:0", "grpc_addr": studio.address, "video_addr": studio.address}
    )
    lines = [line for line in commands() if "/v1/video" in line]
    assert lines[0].startswith("V=$(curl ")
    failed = []
    async with open_gateway(settings) as url:
        environment = os.environ | {"R": url, "ID": TAKE_ID, "V": (await studio.create()).video_id}
        for line in lines:
            if not await command_works(line, environment, tmp_path):
                failed.append(line)
            listed = await studio.watch(environment["V"]) if "DELETE" not in line else []
            assert not listed or listed[-1].error.reason == ""
    assert failed == []
