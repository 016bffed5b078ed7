"""Configuration of clips and their reading.

It is part of every cache key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from resonance.ids import canonical_digest
from resonance_model.activations import NEUTRAL_PROMPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All values besides model and music that statistics depend on. `form` is the version of a track's and of a reference's files."""

    clip_s: float = 10.0
    hop_s: float = 8.0
    clip_min_s: float = 1.0
    prompt: str = NEUTRAL_PROMPT
    form: int = 2


CONFIGURATION = Configuration()
# The version of the reading of a track's clips: both polarities, without rests.
_TRACK_READING = 2


def track_digest(model_digest: str, track_sha256: str) -> str:
    """The cache key of one track's statistics."""
    return canonical_digest(["track", asdict(CONFIGURATION), _TRACK_READING, model_digest, track_sha256])


def reference_digest(model_digest: str) -> str:
    """The cache key of a model's reference statistics."""
    return canonical_digest(["reference", asdict(CONFIGURATION), model_digest])
