"""Song manifest: Debian package, file, playlist, purpose and licence."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST: Final = Path(__file__).with_name("manifest.tsv")
# What a person would say of each playlist: the arm that asks by words alone. The first four are those of the first measurement.
WORDS: Final = {
    "orchestral": "orchestral film score with strings and brass",
    "electronic": "electronic dance music with synthesizers",
    "chiptune": "cheerful chiptune video game music",
    "industrial": "dark industrial music",
    "folk": "acoustic folk music with guitar, flute and hand drums",
    "metal": "heavy metal with distorted guitars",
    "ambient": "slow ambient drone",
    "piano": "calm piano music",
}
PLAYLISTS: Final = tuple(WORDS)
FIRST_FOUR: Final = PLAYLISTS[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One recording. `path` is within the package; `archive.pk3!/member` names a file in a zip archive. `split` is `taste` or `held`."""

    playlist: str
    split: str
    package: str
    version: str
    path: str
    sha256: str
    duration_s: float
    licence: str
    title: str

    def file_in(self, cache: Path) -> Path:
        """Where `fetch` puts it: a name that is free of the package's folders, so that no upload has anything but the sound."""
        return cache / "songs" / f"{self.sha256[:20]}{Path(self.path).suffix}"


def read_manifest(path: Path = MANIFEST) -> list[Song]:
    """All songs, in the manifest's order."""
    with path.open(newline="") as file:
        return [_song(row) for row in csv.DictReader(file, delimiter="\t")]


def chosen(songs: Sequence[Song], playlist: str, split: str) -> list[Song]:
    """A playlist's songs of one split."""
    return [song for song in songs if (song.playlist, song.split) == (playlist, split)]


def _song(row: dict[str, str]) -> Song:
    return Song(
        playlist=row["playlist"],
        split=row["split"],
        package=row["package"],
        version=row["version"],
        path=row["path"],
        sha256=row["sha256"],
        duration_s=float(row["duration_s"]),
        licence=row["licence"],
        title=row["title"],
    )
