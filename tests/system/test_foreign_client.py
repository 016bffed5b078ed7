"""Foreign client: Node's grpc-js with nothing but the protos."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.system.conftest import System

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("npm") is None and "CI" not in os.environ, reason="Node is not installed; CI always runs this"
    ),
]
HERE = Path(__file__).parent
PROTOS = HERE.parents[1] / "protos"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its two packages."""
    folder = tmp_path_factory.mktemp("grpc-js")
    for file in (HERE / "grpc_js").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    subprocess.run(
        ["npm", "install", "--silent", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        check=True,
    )
    return folder


def test_grpc_js_makes_a_taste_and_steered_music(system: System, songs: list[Path], folder: Path) -> None:
    done = subprocess.run(
        ["node", "journey.mjs", str(PROTOS), system.grpc, *map(str, songs)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["state"] == "JOB_STATE_COMPLETED"
    assert seen["tracks"] == ["JOB_STATE_COMPLETED"] * 3
    for made in (seen["plain"], seen["steered"]):
        assert made["sha256"] == made["announced"]
        assert made["samples"] == 32_000
        assert made["chunks"] > 1
    assert seen["plain"]["sha256"] != seen["steered"]["sha256"]
    assert seen["refusal"]["code"] == "INVALID_ARGUMENT"
    assert "recipe.prompts[0].text" in seen["refusal"]["details"]
    assert seen["refusal"]["hasDetails"]
