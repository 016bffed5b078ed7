"""Ends of commands and of starts: one sentence that names the setting, in every locale."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_FREE = {"RESONANCE_HTTP_ADDR": "127.0.0.1:0", "RESONANCE_GRPC_ADDR": "127.0.0.1:0"}
_ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(*arguments: str | bytes, code: str = "", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The command `resonance`; with `code`, Python statements that run before it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
    start = f"{code}\nfrom resonance_cli.__main__ import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", start, *arguments], env=own | environ, capture_output=True, timeout=120, check=False
    )


def sentence(ended: subprocess.CompletedProcess[bytes]) -> str:
    """What it says: one line, and no traceback."""
    said = ended.stderr.decode()
    assert ended.returncode == 1, said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said
    return said


def test_help_is_printed_in_a_locale_of_ascii() -> None:
    ended = run("make", "--help", **_ASCII)
    assert ended.returncode == 0, ended.stderr
    assert b"--out" in ended.stdout


@pytest.mark.parametrize("environ", [{}, _ASCII])
def test_bytes_that_are_no_text_are_refused_in_a_sentence(environ: dict[str, str]) -> None:
    said = sentence(run("make", b"caf\xe9 piano", **environ))
    assert "no UTF-8 text" in said


def test_utf8_is_read_in_a_locale_of_ascii() -> None:
    """The prompt passes; what is missing is the server."""
    said = sentence(run("make", "café piano".encode(), "--address", "127.0.0.1:9", **_ASCII))
    assert "UTF-8" not in said


@pytest.mark.parametrize(("missing", "arguments", "extra"), [("typer", ["--help"], "cli"), ("torch", ["up"], "all")])
def test_a_missing_package_names_its_extra(missing: str, arguments: list[str], extra: str) -> None:
    """As after `pip install .`: the import finds no such package."""
    said = sentence(run(*arguments, code=f"import sys\nsys.modules[{missing!r}] = None", **_FREE))
    assert f"[{extra}]" in said
    assert missing in said
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extra in extras


@pytest.mark.parametrize("setting", ["RESONANCE_HTTP_ADDR", "RESONANCE_GRPC_ADDR", "RESONANCE_METRICS_ADDR"])
def test_a_taken_port_is_told_before_the_model_is_loaded(setting: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("up", **{**_FREE, setting: address, "RESONANCE_DATA_DIR": str(tmp_path)})
    said = sentence(ended)
    assert "it is taken" in said
    assert setting in said
    assert b"loading the model" not in ended.stdout


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({"RESONANCE_DATA_DIR": "/proc/nohome/x"}, "RESONANCE_DATA_DIR"),
        ({"HOME": "/proc/nohome"}, "RESONANCE_DATA_DIR"),
        ({"RESONANCE_STORE": "file:/proc/nohome/x"}, "RESONANCE_STORE"),
        ({"RESONANCE_HTTP_ADDR": "no-such-host.invalid:8000"}, "RESONANCE_HTTP_ADDR"),
        ({"RESONANCE_METRICS_ADDR": "9000"}, "RESONANCE_METRICS_ADDR"),
    ],
)
def test_a_place_that_cannot_be_used_names_its_setting(environ: dict[str, str], setting: str, tmp_path: Path) -> None:
    ended = run("up", **{**_FREE, "HOME": str(tmp_path), **environ})
    assert setting in sentence(ended)
    assert b"loading the model" not in ended.stdout
