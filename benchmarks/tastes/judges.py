"""Judges: embeddings trained on recordings, with training data and accuracy.

Steering has never used any of these embeddings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .fetch import judges_folder
from .scoring import Classes, right_of_all, right_of_some
from .sound import Audio, levelled, load, windows

SONG_WINDOWS: Final = 6
USELESS_BELOW: Final = 0.75  # of four, on whole held-out songs
Array = NDArray[np.float64]


class Ear(Protocol):
    """What a judge's package brings."""

    tag_names: Sequence[str]

    def hear(self, audio: Audio) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The embedding and the tags of mono audio at 16 kHz."""


def _musicnn(name: str) -> Callable[[Path], Ear]:
    def load_ear(folder: Path) -> Ear:
        from .musicnn import Musicnn

        return Musicnn(folder, name)

    return load_ear


def _vibenet(folder: Path) -> Ear:
    from .vibenet import Vibenet

    return Vibenet(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """`role` is `chooses` (may be looked at when something is chosen), `reports` (never) or `tags` (says whether words were obeyed)."""

    name: str
    role: str
    taught_on: str
    licence: str
    open: Callable[[Path], Ear]


JUDGES: Final = (
    Judge(
        name="MSD_musicnn",
        role="chooses",
        taught_on="Million Song Dataset (about 200,000 songs, 50 Last.fm tags); penultimate layer, 200 numbers",
        licence="ISC (musicnn 0.1.0, Pons 2019)",
        open=_musicnn("MSD_musicnn"),
    ),
    Judge(
        name="VibeNet",
        role="reports",
        taught_on="Free Music Archive, distilled towards Echo Nest attributes; EfficientNet-B0's pooled features, 1280 numbers",
        licence="GPL-3.0-or-later (vibenet 0.1.0, Shim 2025)",
        open=_vibenet,
    ),
    Judge(
        name="MTT_musicnn",
        role="tags",
        taught_on="MagnaTagATune; 50 tags",
        licence="ISC (musicnn 0.1.0, Pons 2019)",
        open=_musicnn("MTT_musicnn"),
    ),
)


class Bench:
    """All judges' ears, and what they heard once: each file's embeddings and tags are kept below the cache by the file's content."""

    def __init__(self, cache: Path) -> None:
        self._folder, self._cache = judges_folder(cache), cache / "heard"
        self._cache.mkdir(parents=True, exist_ok=True)
        self._ears: dict[str, Ear] = {}

    def tag_names(self, judge: Judge) -> Sequence[str]:
        """The tags that `tags` gives, in order."""
        return self._ear(judge).tag_names

    def song(self, judge: Judge, path: Path) -> Array:
        """`[windows, features]`: six windows of 8 s, each at -23 LUFS."""
        return self._heard(judge, path, SONG_WINDOWS)[0]

    def take(self, judge: Judge, path: Path) -> Array:
        """`[features]` of a whole take at -23 LUFS."""
        return self._heard(judge, path, 0)[0][0]

    def tags(self, judge: Judge, path: Path) -> Array:
        """`[tags]` of a whole take at -23 LUFS."""
        return self._heard(judge, path, 0)[1][0]

    def _heard(self, judge: Judge, path: Path, count: int) -> tuple[Array, Array]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        kept = self._cache / f"{judge.name}-{digest}-{count}.npz"
        if not kept.exists():
            audio = load(path)
            cut = windows(audio, count) if count else [levelled(audio)]
            heard = [self._ear(judge).hear(one) for one in cut]
            np.savez(kept, embeddings=[one[0] for one in heard], tags=[one[1] for one in heard])
        with np.load(kept) as found:
            return found["embeddings"].astype(np.float64), found["tags"].astype(np.float64)

    def _ear(self, judge: Judge) -> Ear:
        if judge.name not in self._ears:
            self._ears[judge.name] = judge.open(self._folder)
        return self._ears[judge.name]


def classes_of(bench: Bench, judge: Judge, songs: Sequence[Sequence[Path]]) -> Classes:
    """The playlists as a judge knows them: each song the mean of its windows, each playlist the mean of its songs."""
    return Classes.of([[bench.song(judge, path) for path in one] for one in songs])


def validate(
    bench: Bench, judge: Judge, classes: Classes, held: Sequence[Sequence[Path]], names: Sequence[str]
) -> dict[str, Any]:
    """How often the judge names the right playlist of songs that taught it nothing: of whole songs, and of 8 s of them."""
    found: dict[str, Any] = {"of_all_by_playlist": {}, "of_four_by_playlist": {}}
    per_song, per_window = [], []
    for truth, (name, paths) in enumerate(zip(names, held, strict=True)):
        heard = [bench.song(judge, path) for path in paths]
        whole = classes.nearness(np.stack([one.mean(axis=0) for one in heard]))
        pieces = classes.nearness(np.concatenate(heard))
        found["of_all_by_playlist"][name] = float(right_of_all(whole, truth).mean())
        found["of_four_by_playlist"][name] = float(right_of_some(whole, truth).mean())
        per_song.append((right_of_all(whole, truth), right_of_some(whole, truth)))
        per_window.append((right_of_all(pieces, truth), right_of_some(pieces, truth)))
    for word, parts in (("song", per_song), ("window", per_window)):
        found[f"of_all_{word}"] = float(np.concatenate([one[0] for one in parts]).mean())
        found[f"of_four_{word}"] = float(np.concatenate([one[1] for one in parts]).mean())
    found["songs"] = sum(len(paths) for paths in held)
    found["is_useful"] = found["of_four_song"] >= USELESS_BELOW
    return found
