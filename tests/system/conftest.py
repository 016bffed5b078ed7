"""`resonance up` in its own process, with the tiny model."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.prepared import prepare_sliders

from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel

READY_S_MAX = 120


@dataclass(frozen=True)
class System:
    """A running all-in-one process."""

    http: str
    grpc: str
    data_dir: Path
    process: subprocess.Popen[str]
    drain: threading.Thread


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(data_dir: Path, model: Path, **settings: str) -> System:
    """Starts `resonance up` and waits for its URL."""
    grpc = f"127.0.0.1:{free_port()}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")} | {
        "RESONANCE_HTTP_ADDR": f"127.0.0.1:{free_port()}",
        "RESONANCE_GRPC_ADDR": grpc,
        "RESONANCE_DATA_DIR": str(data_dir),
        "RESONANCE_MODEL": str(model),
        "RESONANCE_DRAIN_S_MAX": "2",
        "RESONANCE_ADOPTION": "sliders",  # ranges and layer scans of the tiny model would take minutes of every test
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "resonance_cli", "up"],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    watchdog = threading.Timer(READY_S_MAX, process.kill)
    watchdog.start()
    printed = []
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"Resonance is ready: (\S+)", line):
            watchdog.cancel()
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            return System(http=found[1], grpc=grpc, data_dir=data_dir, process=process, drain=drain)
    watchdog.cancel()
    raise AssertionError("it did not start:\n" + "".join(printed))


def stop(system: System) -> int:
    """SIGTERM, and the exit status."""
    system.process.send_signal(signal.SIGTERM)
    status = system.process.wait(timeout=30)
    system.drain.join()
    assert system.process.stdout is not None
    system.process.stdout.close()
    return status


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny: LoadedModel) -> Iterator[System]:
    """One system for all journeys that do not end it. Its sliders are random directions."""
    data_dir = tmp_path_factory.mktemp("data")
    prepare_sliders(Settings(data_dir=data_dir), tiny)
    running = start(data_dir, tiny_folder, RESONANCE_ADOPTION="off")
    try:
        yield running
    finally:
        assert stop(running) == 0


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three real files of three codecs: mp3, m4a (AAC) and flac."""
    from support.sounds import write_sound

    folder = tmp_path_factory.mktemp("songs")
    return [
        write_sound(folder / name, duration_s=12.0, pitch_hz=pitch)
        for name, pitch in (("one.mp3", 220.0), ("two.m4a", 330.0), ("three.flac", 110.0))
    ]
