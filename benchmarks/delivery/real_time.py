"""Real-time readers and a caller who comes later: how long the caller waits, and what it hears meanwhile."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

READERS, LONG_S, LATER_S = 4, 120.0, 20.0


def measure(url: str) -> dict[str, Any]:
    """Against a running server of four slots: four clients read long takes in real time; a fifth asks for a second of music.

    Returns the seconds until the fifth has its headers, its first byte and its whole take, the place that its headers told, and whether
    the four had all of their music.
    """
    stop = threading.Event()
    ended: list[float] = []
    threads = [threading.Thread(target=_read, args=(url, seed, stop, ended)) for seed in range(READERS)]
    for thread in threads:
        thread.start()
    time.sleep(LATER_S)
    fifth = _ask(url)
    stop.set()
    for thread in threads:
        thread.join()
    return fifth | {"late_s_most": max(ended, default=0.0)}


def _ask(url: str) -> dict[str, Any]:
    began_s = time.perf_counter()
    body = {"prompt": "calm piano", "duration_s": 1, "seed": 9, "is_transient": True}
    with httpx.stream("POST", f"{url}/v1/generations", json=body, timeout=600) as answer:
        headers_s = time.perf_counter() - began_s
        first_s: float | None = None
        for _ in answer.iter_raw():
            first_s = first_s if first_s is not None else time.perf_counter() - began_s
    return {
        "status": answer.status_code,
        "headers_s": round(headers_s, 1),
        "first_byte_s": round(first_s or 0.0, 1),
        "whole_s": round(time.perf_counter() - began_s, 1),
        "place": answer.headers.get("x-queue-place"),
    }


def _read(url: str, seed: int, stop: threading.Event, ended: list[float]) -> None:
    """Reads a take as fast as it is played. `ended` gets how late the latest byte was, against an unbroken playback from the first."""
    body = {"prompt": "real time listener", "duration_s": LONG_S, "seed": seed, "is_transient": True, "raw": True}
    with httpx.stream("POST", f"{url}/v1/generations", json=body, timeout=600) as answer:
        bytes_per_s = int(answer.headers["x-sample-rate"]) * 2
        began_s, taken, late_s = time.perf_counter(), 0, 0.0
        for block in answer.iter_raw(chunk_size=bytes_per_s // 4):
            late_s = max(late_s, time.perf_counter() - began_s - taken / bytes_per_s)
            taken += len(block)
            if stop.is_set():
                break
            time.sleep(max(0.0, taken / bytes_per_s - (time.perf_counter() - began_s)))
    ended.append(late_s)
