"""Source protocol: track listing and file download."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resonance_ingest.jobs.job import JobTrack


def plain_title(text: str) -> str:
    """A title of at most 200 printable characters, which can be written as UTF-8."""
    return "".join(character if character.isprintable() else " " for character in text).strip()[:200] or "untitled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """The first tracks of a source, up to the limit. `track_count` is the number of all of them, where it is known.

    `has_more` says that there are more where their number is not known; `notice` tells the user about the choice.
    """

    title: str
    tracks: tuple[JobTrack, ...]
    track_count: int | None = None
    has_more: bool = False
    notice: str = ""


def to_tracks(listed: Iterable[tuple[str, str]]) -> tuple[JobTrack, ...]:
    """Queued tracks of (title, locator) pairs, counted from 0. The locator is the source's own name of the track."""
    return tuple(
        JobTrack(index=index, title=plain_title(title), locator=locator)
        for index, (title, locator) in enumerate(listed)
    )


class Source(Protocol):
    """Lists its tracks and fetches one at a time. Errors of one track name what is wrong with that track."""

    async def playlist(self) -> Playlist:
        """Lists the tracks."""
        ...

    def digest(self, track: JobTrack) -> str | None:
        """The SHA-256 of the track's file, where it is known before the file is fetched."""
        ...

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Writes the track's file, whatever its format, to `target`."""
        ...
