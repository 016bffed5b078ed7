"""Songs that are searched for: artist, title and length, and the choice among found videos."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, utils

from resonance_ingest.sources.source import plain_title

_LOCATOR = "search:"
# Shares of 100 at which words count as the same, by rapidfuzz's token_set_ratio.
_TITLE_RATIO_MIN = 85.0
_ALL_RATIO_MIN = 80.0
# A video has an intro, credits or a fade besides the song.
_LENGTH_SHARE_MAX, _LENGTH_S_MIN = 0.1, 12.0
_UNKNOWN_LENGTH_S_MAX = 900.0  # a video longer than this is no song where the song's own length is not known
# Versions that count as the song only where its own title names them.
_VERSIONS = re.compile(
    r"\b(live|cover|covered|karaoke|instrumental|remix|mashup|nightcore|sped up|slowed|8d|reaction|tutorial|lesson|loop|hours?)\b",
    re.IGNORECASE,
)
# Parts of a title that name an edition or guests: "(feat. X)", "[2011 Remaster]", " - Remastered 2009".
_EDITION = re.compile(
    r"\s*[\(\[][^\)\]]*\b(?:feat|ft|with|remaster(?:ed)?|version|edit|deluxe|mono|stereo)\b[^\)\]]*[\)\]]"
    r"|\s+-\s+[^-]*\b(?:remaster(?:ed)?|version|edit|mono|stereo)\b.*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedSong:
    """A song of a list that has no sound of its own. `duration_s` is 0 where the list does not tell it."""

    artist: str
    title: str
    duration_s: float = 0.0

    @property
    def name(self) -> str:
        """Artist and title in one line."""
        return f"{self.artist} - {self.title}" if self.artist else self.title

    def to_locator(self) -> str:
        """The song as a track's locator."""
        return _LOCATOR + json.dumps(self.to_plain())

    def to_plain(self) -> dict[str, Any]:
        """The song for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def parse(cls, locator: str) -> SearchedSong | None:
        """The song of a locator; None for the locator of an address."""
        return cls(**json.loads(locator.removeprefix(_LOCATOR))) if locator.startswith(_LOCATOR) else None

    @property
    def query(self) -> str:
        """The words to search for."""
        return plain_title(self.name)

    def choose(self, found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The first found video that has the song's title, artist and length; None where none has.

        Videos of another version (live, cover, karaoke) count only where the title names it.
        """
        return next((video for video in found if self._fits(video)), None)

    def _fits(self, video: Mapping[str, Any]) -> bool:
        name, channel = str(video.get("title") or ""), str(video.get("channel") or video.get("uploader") or "")
        title = _EDITION.sub("", self.title) or self.title
        others = {word.lower() for word in _VERSIONS.findall(name)} - {
            word.lower() for word in _VERSIONS.findall(self.name)
        }
        return (
            not others
            and self._has_length(video.get("duration"))
            and _ratio(title, name) >= _TITLE_RATIO_MIN
            and _ratio(f"{self.artist} {title}", f"{channel} {name}") >= _ALL_RATIO_MIN
        )

    def _has_length(self, video_s: Any) -> bool:
        if not isinstance(video_s, int | float):
            return True
        if not self.duration_s:
            return video_s <= _UNKNOWN_LENGTH_S_MAX
        return abs(video_s - self.duration_s) <= max(_LENGTH_S_MIN, _LENGTH_SHARE_MAX * self.duration_s)


def _ratio(wanted: str, found: str) -> float:
    """The share of the wanted words that the found ones hold, in any order, without case and punctuation."""
    return float(fuzz.token_set_ratio(wanted, found, processor=utils.default_process))
