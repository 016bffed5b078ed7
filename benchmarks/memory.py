"""Memory of `resonance up`: resident and proportional sizes over time.

    python -m benchmarks.memory --precision int8 --label after
    python -m benchmarks.memory --until reference --label after

It writes a checkpoint of musicgen-small's shape with random weights, starts `resonance up` on an empty store in a process
of its own, and reads `/proc/PID/smaps_rollup` twice a second: Rss, Pss, and the anonymous part of Pss. It runs for 150 s after
the start is over, and with
`--until` until the reference, or the sliders too, are stored. `benchmarks/results/memory.json` keeps the newest run of each label.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.checkpoints import make_checkpoint

from benchmarks.arms import setting
from benchmarks.models import SMALL
from resonance.client import Client
from resonance.errors import ResonanceError

RESULTS = Path(__file__).parent / "results" / "memory.json"
_MIB = 1024
_EVERY_S = 0.5


def main() -> None:
    """Measures one run and adds it to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label", required=True)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument(
        "--until", choices=("", "reference", "sliders"), default="", help="goes on until they are stored"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "resonance-bench")
    parser.add_argument("--model", default="", help="another checkpoint than the one of musicgen-small's shape")
    options = parser.parse_args()
    model = options.model or str(_small(options.folder))
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    about = setting() | {"command": " ".join(["python -m benchmarks.memory", *sys.argv[1:]])}

    def keep(found: dict[str, Any]) -> None:
        RESULTS.write_text(json.dumps(known | {options.label: about | found}, indent=1) + "\n")

    found = _measure(model, options, keep)
    print(json.dumps(found["peak"]), json.dumps(found["at_end"]))


def _small(folder: Path) -> Path:
    path = folder / SMALL.name
    return path if path.exists() else make_checkpoint(path, SMALL)


def _measure(model: str, options: argparse.Namespace, keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    samples: list[dict[str, float]] = []
    events: dict[str, float] = {}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as data:
        grpc = f"127.0.0.1:{_free_port()}"
        process = _start(model, data, grpc, options)
        lines: list[str] = []
        threading.Thread(target=_drain, args=(process, lines), daemon=True).start()
        started_s = looked_s = time.monotonic()
        try:
            while process.poll() is None and not _is_over(events, samples, options):
                now_s = time.monotonic()
                samples.append({"t_s": round(now_s - started_s, 1), **_read(process.pid)})
                if now_s - looked_s > 5:
                    looked_s = now_s
                    _look(Path(data), grpc, lines, events, samples[-1]["t_s"])
                    found = _summarise(samples, events, lines)
                    keep(found)
                time.sleep(_EVERY_S)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=60)
    return found


def _is_over(events: dict[str, float], samples: list[dict[str, float]], options: argparse.Namespace) -> bool:
    if "start" not in events:
        return False
    is_awaited = options.until and options.until not in events
    return samples[-1]["t_s"] - events["start"] > options.seconds and not is_awaited


def _look(data: Path, grpc: str, lines: list[str], events: dict[str, float], now_s: float) -> None:
    """Notes when the start was over, when the reference was stored, and when all sliders were."""
    if any("Resonance is ready" in line for line in lines):
        events.setdefault("start", now_s)
    if any((data / "store" / "objects" / "reference").rglob("*")):
        events.setdefault("reference", now_s)
        if "sliders" not in events and _are_sliders_ready(grpc):
            events["sliders"] = now_s


def _summarise(samples: list[dict[str, float]], events: dict[str, float], lines: list[str]) -> dict[str, Any]:
    after = [one for one in samples if one["t_s"] >= events.get("start", 0.0)]
    names = ("rss_mib", "pss_mib", "anonymous_mib")
    return {
        "events_s": dict(events),
        "peak": {name: max(one[name] for one in samples) for name in names},
        "peak_after_start": {name: max(one[name] for one in after) for name in names},
        "at_end": samples[-1],
        "every_10_s": [one for number, one in enumerate(samples) if number % 20 == 0],
        "lines": [line for line in lines if line.startswith("resonance:") or "memory" in line or "threads" in line],
    }


def _start(model: str, data: str, grpc: str, options: argparse.Namespace) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")} | {
        "RESONANCE_HTTP_ADDR": f"127.0.0.1:{_free_port()}",
        "RESONANCE_GRPC_ADDR": grpc,
        "RESONANCE_DATA_DIR": data,
        "RESONANCE_MODEL": model,
        "RESONANCE_PRECISION": options.precision,
        "RESONANCE_MODEL_THREADS": options.threads,
        "RESONANCE_DRAIN_S_MAX": "1",
    }
    command = [sys.executable, "-m", "resonance_cli", "up"]
    return subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _drain(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.strip())
        print(line, end="", flush=True)


def _read(pid: int) -> dict[str, float]:
    """Rss, Pss and anonymous Pss of a process in MiB. Files that are mapped count in Rss and Pss as far as they are in memory."""
    sizes = dict.fromkeys(("Rss", "Pss", "Pss_Anon"), 0)
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, size = line.partition(":")
            if name in sizes:
                sizes[name] = int(size.split()[0])
    names = {"Rss": "rss_mib", "Pss": "pss_mib", "Pss_Anon": "anonymous_mib"}
    return {names[name]: round(size / _MIB, 1) for name, size in sizes.items()}


def _are_sliders_ready(grpc: str) -> bool:
    try:
        with Client(grpc) as client:
            return all(concept.ready for concept in client.concepts())
    except ResonanceError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
