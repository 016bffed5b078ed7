"""Memory of `resonance up`: resident and proportional sizes over time.

    python -m benchmarks.memory --precision int8 --label after
    python -m benchmarks.memory --until-ready --label after

It writes a checkpoint of musicgen-small's shape with random weights, starts `resonance up` on an empty store in a process
of its own, and reads `/proc/PID/smaps_rollup` twice a second: Rss, Pss, and the anonymous part of Pss. It runs for 150 s, or with
`--until-ready` until reference and sliders are stored. `benchmarks/results/memory.json` keeps the newest run of each label.
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
    parser.add_argument("--until-ready", action="store_true", help="goes on until the sliders are stored")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "resonance-bench")
    parser.add_argument("--model", default="", help="another checkpoint than the one of musicgen-small's shape")
    options = parser.parse_args()
    model = options.model or str(_small(options.folder))
    found = _measure(model, options)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[options.label] = setting() | {"command": " ".join(["python -m benchmarks.memory", *sys.argv[1:]])} | found
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    print(json.dumps(found["peak"]), json.dumps(found["at_end"]))


def _small(folder: Path) -> Path:
    path = folder / SMALL.name
    return path if path.exists() else make_checkpoint(path, SMALL)


def _measure(model: str, options: argparse.Namespace) -> dict[str, Any]:
    samples: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as data:
        grpc = f"127.0.0.1:{_free_port()}"
        process = _start(model, data, grpc, options)
        lines: list[str] = []
        reader = threading.Thread(target=_drain, args=(process, lines), daemon=True)
        reader.start()
        started_s = time.monotonic()
        ready_s = asked_s = 0.0
        try:
            while process.poll() is None:
                now_s = time.monotonic() - started_s
                samples.append({"t_s": round(now_s, 1), **_read(process.pid)})
                if not ready_s and now_s - asked_s > 5:
                    asked_s = now_s
                    ready_s = now_s if _are_sliders_ready(grpc) else 0.0
                if now_s > options.seconds and (ready_s or not options.until_ready):
                    break
                time.sleep(_EVERY_S)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    return {
        "seconds": samples[-1]["t_s"],
        "sliders_ready_s": round(ready_s, 1),
        "peak": {name: max(one[name] for one in samples) for name in ("rss_mib", "pss_mib", "anonymous_mib")},
        "at_end": samples[-1],
        "every_10_s": [one for number, one in enumerate(samples) if number % 20 == 0],
        "lines": [line for line in lines if line.startswith("resonance:")],
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
