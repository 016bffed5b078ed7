"""Time that mastering and encoding add to the first byte of a live stream."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resonance.audio.delivery.delivery import Choice, Delivery, LiveFile
from resonance.audio.delivery.formats import FORMATS
from resonance.audio.delivery.tags import Provenance
from resonance.settings import Settings
from resonance.v1 import generate_pb2, steering_pb2

# The engine's chunks: the first one is short, so that audio starts sooner.
FIRST_CHUNK_S, CHUNK_S = 0.2, 0.5


def measure(takes: Sequence[bytes], rate_hz: int) -> dict[str, Any]:
    """Milliseconds of wall and CPU time, and seconds of music taken in, until the first bytes of sound leave, by format.

    `first_byte_ms` is the time from the first chunk of the model to the first byte of the file (its header): what a client notices
    as the answer. `first_sound_ms` is the computing until bytes of sound have left; the music that it needs comes from the model at the
    model's own speed.
    """
    with tempfile.TemporaryDirectory() as folder:
        delivery = Delivery(Settings(data_dir=Path(folder)))
        delivery.prepare()
        ways = {"raw wav": Choice(is_raw=True)} | {name: Choice(form=form) for name, form in FORMATS.items()}
        return {name: _measure(delivery, choice, takes, rate_hz) for name, choice in ways.items()}


def _measure(delivery: Delivery, choice: Choice, takes: Sequence[bytes], rate_hz: int) -> dict[str, float]:
    rows = [_first_bytes(delivery, choice, pcm, rate_hz) for pcm in takes]
    names = ("first_byte_ms", "first_sound_ms", "cpu_ms", "music_s")
    medians = {name: round(statistics.median(row[index] for row in rows), 2) for index, name in enumerate(names)}
    return medians | {"first_byte_ms_most": round(max(row[0] for row in rows), 2)}


def _first_bytes(delivery: Delivery, choice: Choice, pcm: bytes, rate_hz: int) -> tuple[float, float, float, float]:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="calm piano", weight=1.0)])
    provenance = Provenance.of(generate_pb2.Take(recipe=recipe, recipe_id="00aabb"))
    began_s, cpu_s = time.perf_counter(), time.process_time()
    live: LiveFile = delivery.live(
        provenance, choice, sample_rate_hz=rate_hz, channel_count=1, sample_count=len(pcm) // 2
    )
    head = live.start()
    first_byte_ms: float | None = None
    if head:
        first_byte_ms = 1000 * (time.perf_counter() - began_s)
    taken, size = 0, round(FIRST_CHUNK_S * rate_hz) * 2
    data = b""
    while taken < len(pcm) and not data:
        data = live.push(pcm[taken : taken + size])
        taken += size
        size = round(CHUNK_S * rate_hz) * 2
        if first_byte_ms is None and data:
            first_byte_ms = 1000 * (time.perf_counter() - began_s)
    sound_ms = 1000 * (time.perf_counter() - began_s)
    return first_byte_ms or sound_ms, sound_ms, 1000 * (time.process_time() - cpu_s), taken / 2 / rate_hz
