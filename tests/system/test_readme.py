"""Commands of the README, run with other ports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from tests.system.conftest import System

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"<!-- run: (\w+) -->\n```\w+\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("language", "text"), BLOCKS, ids=[f"{index}-{kind}" for index, (kind, _) in enumerate(BLOCKS)]
)
def test_the_readmes_commands_work(system: System, songs: list[Path], tmp_path: Path, language: str, text: str) -> None:
    for song in songs:
        shutil.copy(song, tmp_path)
    text = text.replace("http://127.0.0.1:8000", system.http).replace("127.0.0.1:50051", system.grpc)
    command = [sys.executable, "-c", text] if language == "python" else ["sh", "-euc", text]
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    if "song.wav" in text:
        with wave.open(str(tmp_path / "song.wav")) as song:
            assert song.getnframes() == 5 * song.getframerate()
    if "messages.json" in text:
        assert '"finished"' in (tmp_path / "messages.json").read_text()


def test_there_are_commands_to_run() -> None:
    assert len(BLOCKS) == 3


def test_the_tree_of_captions_is_fresh() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: there is no list of files to compare with")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/tree.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
