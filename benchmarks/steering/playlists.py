"""Eight playlists of our composer's music: twelve tracks to make a taste of, twelve others to know it by."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from model.training.compose import compose
from model.training.listener import features
from model.training.pieces import Labels
from numpy.typing import NDArray

from .judges import through
from .scorers import RATE_HZ

FIRST_SEED: Final = 60_000_000
TRACKS: Final = 12
TRACK_S: Final = 10.0


def _is(labels: Labels, name: str) -> bool:
    has = set(labels.instruments)
    return {
        "calm piano": "piano" in has and "drums" not in has and labels.energy <= 1,
        "loud drums": "drums" in has and labels.energy >= 4,
        "voices": "choir" in has and "drums" not in has,
        "trumpet band": "trumpet" in has and "drums" in has,
        "guitars": {"acoustic guitar", "electric guitar"} & has != set() and "drums" not in has and "choir" not in has,
        "strings": "strings" in has and "choir" not in has and "drums" not in has,
        "electronic": labels.genre == "electronic" and "drums" in has,
        "organ": "organ" in has,
    }[name]


NAMES: Final = ("calm piano", "loud drums", "voices", "trumpet band", "guitars", "strings", "electronic", "organ")


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
        for name, tracks in found.items():
            if len(tracks) < 2 * TRACKS and _is(piece.labels, name):
                audio = render_piece(synth, piece)
                tracks.append(np.resize(audio, samples).astype(np.float32))
                break
        seed += 1
    return {name: np.stack(tracks) for name, tracks in found.items()}


def marks(codec: Any, tracks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings of tracks as the codec plays them, `[tracks, features]`: log-mel statistics that no direction was made from."""
    return np.stack([features(through(codec, track)) for track in tracks])
