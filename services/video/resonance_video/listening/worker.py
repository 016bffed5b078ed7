"""Listening child: `python -m resonance_video.listening.worker REQUEST` writes the map of decoded samples."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np

from resonance.audio import confinement
from resonance.errors import InvalidInput, ResonanceError
from resonance_video.listening.song_map import build_song_map
from resonance_video.models import SONG_S_MIN, KnownMusic
from resonance_video.sound import sound_duration

CPU_S_MAX = 600.0
MEMORY_BYTES_MAX = 2 << 30
FILE_BYTES_MAX = 256 << 20


def main() -> None:
    """Reads mono float32 samples and the song's length, and writes the song map as JSON; the last line is the answer."""
    os.nice(5)  # generation comes before listening
    confinement.leave_network()
    confinement.die_with_parent()
    confinement.limit_resources(cpu_s=CPU_S_MAX, memory_bytes=MEMORY_BYTES_MAX, file_bytes=FILE_BYTES_MAX)
    av.logging.set_level(av.logging.PANIC)
    try:
        answer = _listen(json.loads(Path(sys.argv[1]).read_text()))
    except ResonanceError as refusal:
        answer = {"reason": refusal.reason, "message": refusal.message}
    print(json.dumps(answer), flush=True)


def _listen(request: dict[str, Any]) -> dict[str, Any]:
    duration_s, rate_hz = sound_duration(Path(request["song"]))
    if duration_s < SONG_S_MIN:
        message = f"The song is {float(duration_s):.2f} s long; a video needs at least {SONG_S_MIN} s."
        raise InvalidInput(message, reason="TOO_SHORT")
    song_map = build_song_map(
        np.fromfile(request["samples"], dtype="<f4"),
        duration_s=float(duration_s),
        sample_rate_hz=rate_hz,
        sha256=request["sha256"],
        known=KnownMusic.model_validate(request["known"]),
    )
    Path(request["target"]).write_text(song_map.to_json())
    return {}


if __name__ == "__main__":
    main()
