"""The port of a source of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resonance_ingest.jobs.job import JobTrack


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrack:
    """A track that a source offers. `locator` is what the source finds it by again."""

    title: str
    locator: str


def plain_title(text: str) -> str:
    """A stranger's title without what cannot be printed, or written as UTF-8, and not longer than people read."""
    return "".join(character if character.isprintable() else " " for character in text).strip()[:200] or "untitled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """What a source offers: the first tracks of it, up to the limit. `track_count` is how many there are, where it is known."""

    title: str
    tracks: tuple[SourceTrack, ...]
    track_count: int | None = None


class Source(Protocol):
    """Lists its tracks and fetches one at a time. Errors of one track name what is wrong with that track."""

    async def playlist(self) -> Playlist:
        """What there is."""
        ...

    def digest(self, track: JobTrack) -> str | None:
        """The SHA-256 of the track's file, where it is known before the file is fetched."""
        ...

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Writes the track's file, whatever its format, to `target`."""
        ...
