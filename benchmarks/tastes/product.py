"""Product under test: a `resonance up` process and its client.

The process has a folder of its own, and calls go through the Python client.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from resonance.client import Client
from resonance.errors import ResonanceError

_START_S: Final = 300.0
# What is no part of the product: a change of it leaves what was made as it is.
_NOT_PRODUCT: Final = ("benchmarks", "tests", "docs", "scripts", ".ci", "shared", "deploy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """A stored taste: its id in this product's data folder, the direction `[layers, hidden]`, and what its making took."""

    taste_id: str
    sha256: str
    direction: NDArray[np.float64]
    clip_count: int
    split_half_cosine: float | None
    wall_s: float


def product_digest(root: Path) -> str:
    """Names the product's code as it stands: the trees of all folders that are part of it, and what is changed and not committed."""
    listed = subprocess.run(["git", "ls-tree", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout
    trees = [line for line in listed.splitlines() if "\ttree\t" not in line and _is_product(line)]
    left_out = [f":(exclude){name}" for name in _NOT_PRODUCT]
    command = ["git", "diff", "HEAD", "--", ".", *left_out, ":(exclude)*.md", ":(exclude)pyproject.toml"]
    changed = subprocess.run([*command, ":(exclude)Makefile"], cwd=root, capture_output=True, check=True).stdout
    return hashlib.sha256("\n".join(trees).encode() + changed).hexdigest()[:16]


def _is_product(line: str) -> bool:
    kind, name = line.split()[1], line.split("\t", 1)[1]
    return kind == "tree" and name not in _NOT_PRODUCT


class Product:
    """`with Product(folder) as product`: what is made is kept below the folder, by what it was made of, and made once.

    `model` is the folder of another checkpoint than the shipped one; its sliders are not made.
    """

    def __init__(self, folder: Path, model: Path | None = None) -> None:
        self._folder, self._data = folder, folder / "data"
        self._settings = {} if model is None else {"RESONANCE_MODEL": str(model), "RESONANCE_ADOPTION": "off"}
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._client: Client | None = None
        self.address = ""  # of its gRPC services, once it was asked for something
        for name in ("tastes", "takes", "data"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Product:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=60)

    def model(self) -> dict[str, Any]:
        """Which model makes the music."""
        info = self._connected().model()
        return {"id": info.model_id, "digest": info.digest}

    def taste(self, name: str, files: Sequence[Path]) -> Taste:
        """The taste of these songs with the service's default options, made once; `name` is only its title."""
        songs = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        record = self._folder / "tastes" / f"{_key('taste', songs)}.json"
        if not record.exists():
            started = time.monotonic()
            job = self._connected().taste_from_files(list(files), title=name)
            direction = _direction_of(self._data, job.taste.vector_key)
            np.save(record.with_suffix(".npy"), direction)
            half = job.taste.split_half_cosine if job.taste.HasField("split_half_cosine") else None
            facts = {
                "taste_id": job.job_id,
                "sha256": job.taste.vector_sha256,
                "clip_count": job.taste.clip_count,
                "split_half_cosine": half,
                "wall_s": time.monotonic() - started,
                "notices": list(job.taste.notices),
            }
            record.write_text(json.dumps({"name": name} | facts))
        found = json.loads(record.read_text())
        named = {key: found[key] for key in Taste.__slots__ if key != "direction"}
        return Taste(direction=np.load(record.with_suffix(".npy")), **named)

    def take(
        self, prompt: str, seed: int, duration_s: float, taste: Taste | None = None, strength: float = 1.0
    ) -> Path:
        """The WAV file of a take at the service's defaults, made once; what the service said of it lies beside it."""
        steered = [taste.sha256, strength] if taste is not None else None
        path = self._folder / "takes" / f"{_key('take', prompt, seed, duration_s, steered)}.wav"
        if not path.exists():
            steering = {} if taste is None else {"taste_id": taste.taste_id, "taste_strength": strength}
            song = self._connected().make(prompt, seed=seed, duration_s=duration_s, **steering)
            said = {"prompt": prompt, "seed": seed, "notices": list(song.take.notices)}
            path.with_suffix(".json").write_text(json.dumps(said))
            fresh = path.with_suffix(".part")
            fresh.write_bytes(song.wav)
            fresh.replace(path)
        return path

    def _connected(self) -> Client:
        with self._starting:  # takes are asked for by several threads, and one process is started
            if self._client is None:
                http, grpc = _free_ports(2)
                self._process = _start(self._data, http, grpc, self._settings)
                self.address = f"127.0.0.1:{grpc}"
                self._client = _await(self.address, self._process)
            return self._client


def _start(data: Path, http: int, grpc: int, more: dict[str, str]) -> subprocess.Popen[bytes]:
    command = shutil.which("resonance", path=str(Path(sys.executable).parent)) or shutil.which("resonance")
    if command is None:
        raise SystemExit("there is no `resonance` command beside this Python: install the product first")
    settings = {
        "RESONANCE_HTTP_ADDR": f"127.0.0.1:{http}",
        "RESONANCE_GRPC_ADDR": f"127.0.0.1:{grpc}",
        "RESONANCE_DATA_DIR": str(data.absolute()),
    }
    with (data / "log").open("ab") as log:
        return subprocess.Popen([command, "up"], env=os.environ | settings | more, stdout=log, stderr=log)


def _await(address: str, process: subprocess.Popen[bytes]) -> Client:
    """A client of the service once it answers."""
    client, ends = Client(address), time.monotonic() + _START_S
    while True:
        try:
            client.model()
            return client
        except ResonanceError:
            if process.poll() is not None or time.monotonic() > ends:
                raise
            time.sleep(0.5)


def _direction_of(data: Path, key: str) -> NDArray[np.float64]:
    """The direction `[layers, hidden]` of the stored object: no part of the API gives it out, the data folder has it.

    The store may add a footer behind an object; a safetensors file says itself how long it is.
    """
    path = next(found for found in data.rglob("*") if found.is_file() and key in found.as_posix())
    stored = path.read_bytes()
    header = json.loads(stored[8 : 8 + int.from_bytes(stored[:8], "little")])
    size = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    tensors = safetensors.numpy.load(stored[: 8 + int.from_bytes(stored[:8], "little") + size])
    return np.asarray(tensors["per_layer"], dtype=np.float64)


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
