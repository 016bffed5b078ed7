"""Listening child: `python -m resonance_video.listening.worker REQUEST` writes the map of decoded samples."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from resonance.audio import confinement
from resonance_video.listening.song_map import build_song_map
from resonance_video.models import KnownMusic


def main() -> None:
    """Reads mono float32 samples, and writes the song map as JSON."""
    os.nice(5)  # generation comes before listening
    confinement.die_with_parent()
    request = json.loads(Path(sys.argv[1]).read_text())
    samples = np.fromfile(request["samples"], dtype="<f4")
    song_map = build_song_map(
        samples,
        duration_s=request["duration_s"],
        sample_rate_hz=request["sample_rate_hz"],
        sha256=request["sha256"],
        known=KnownMusic.model_validate(request["known"]),
    )
    Path(request["target"]).write_text(song_map.to_json())


if __name__ == "__main__":
    main()
