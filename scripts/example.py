"""Example piece that the page plays at a first visit.

python scripts/example.py    writes gateway/resonance_gateway/static/example/example.mp3

Starts `resonance up` on free ports of loopback with a data folder of its own, makes one take with the shipped weights, and
fetches it as it is delivered to everyone: levelled, watermarked, marked as machine-made in its tags.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from pathlib import Path

from screenshot import running_system

TARGET = Path(__file__).resolve().parent.parent / "gateway/resonance_gateway/static/example/example.mp3"
# The words and the length that parts/example.js gives to the take.
BODY = {"prompt": "calm piano for studying", "duration_s": 12, "seed": 7, "request_id": "example"}
BYTES_MAX = 300_000


def main() -> int:
    """Writes the file; returns 1 where it is larger than the page's first visit may wait for."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_system(folder) as url:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/v1/generations", json.dumps(BODY).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            answer.read()
        with urllib.request.urlopen(f"{url}/v1/takes/example/audio?format=mp3") as answer:
            TARGET.write_bytes(answer.read())
    size = TARGET.stat().st_size
    print(f"{TARGET.name}: {size} bytes")
    return int(size > BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
