"""Playlists of composed music: eight, with held-out tracks.

Each has twelve tracks for the taste and twelve held out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from model.training.compose import compose
from model.training.listener import features
from numpy.typing import NDArray

from .judges import through
from .kinds import NAMES, kind_of
from .scorers import RATE_HZ

FIRST_SEED: Final = 60_000_000
TRACKS: Final = 12
TRACK_S: Final = 10.0


def render_playlists(codec: Any, folder: Path) -> dict[str, NDArray[np.float32]]:
    """`[2 * TRACKS, samples]` by name: the tracks of the taste first. Rendered once below the folder. Raises OSError without FluidSynth."""
    path = folder / f"playlists-{TRACKS}.npz"
    if not path.exists():
        np.savez(path, **_rendered())
    stored = np.load(path)
    return {name: stored[name] for name in NAMES}


def _rendered() -> dict[str, NDArray[np.float32]]:
    from model.training.render import render_piece
    from model.training.synth import Synth

    synth, samples = Synth(), round(TRACK_S * RATE_HZ)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in NAMES}
    seed = FIRST_SEED
    while any(len(tracks) < 2 * TRACKS for tracks in found.values()):
        piece = compose(seed)
        seed += 1
        name = kind_of(piece.labels)
        if name is not None and len(found[name]) < 2 * TRACKS:
            found[name].append(np.resize(render_piece(synth, piece), samples).astype(np.float32))
    return {name: np.stack(tracks) for name, tracks in found.items()}


def marks(codec: Any, tracks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings of tracks as the codec plays them, `[tracks, features]`: log-mel statistics that no direction was made from."""
    return np.stack([features(through(codec, track)) for track in tracks])
