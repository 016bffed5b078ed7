"""Mode of a song, major or minor, by key profiles."""

from __future__ import annotations

import numpy as np

from resonance_video.listening.features import Features

# Krumhansl and Kessler 1982.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_SURE = 0.01


def find_mode(features: Features) -> str:
    """`major`, `minor`, or an empty text where neither fits clearly better."""
    if features.is_silent:
        return ""
    chroma = (features.chroma * features.level[:, None]).sum(axis=0)
    if chroma.std() < 1e-9:
        return ""
    fits = [
        max(float(np.corrcoef(np.roll(profile, key), chroma)[0, 1]) for key in range(12))
        for profile in (_MAJOR, _MINOR)
    ]
    if abs(fits[0] - fits[1]) < _SURE:
        return ""
    return "major" if fits[0] > fits[1] else "minor"
