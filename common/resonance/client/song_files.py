"""Songs of folders: what is sent of the files that a user names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resonance.audio.formats import IN_WORDS, SOUND_ENDINGS
from resonance.errors import InvalidInput, NotFound

TRACKS_MAX = 20
_NAMED_MAX = 3
# What lies beside songs: covers, lists, logs, texts, checksums. A file with such an ending is no song wherever it lies.
_JUNK_ENDINGS = frozenset(
    part
    for text in (
        "jpg jpeg png gif webp bmp tif tiff heic psd svg ico",
        "m3u m3u8 pls cue xspf wpl asx log accurip txt nfo lrc pdf doc docx rtf md htm html url webloc xml json csv ini db",
        "sfv md5 ffp sha1 sha256 par2 torrent part crdownload tmp lnk exe dll sh bat srt sub idx ass",
    )
    for part in text.split()
)
_JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx", "$recycle.bin", "@eadir"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SongFiles:
    """The files that are sent, in natural order, and those that are left out: no songs, and songs beyond the limit."""

    songs: tuple[Path, ...]
    no_songs: tuple[Path, ...] = ()
    beyond: tuple[Path, ...] = ()

    def notices(self) -> list[str]:
        """What was left out, in sentences for the user."""
        found = []
        if self.beyond:
            count = len(self.songs) + len(self.beyond)
            found.append(
                f"There are {count} songs; the first {len(self.songs)} were taken, up to {self.songs[-1].name}."
            )
        if self.no_songs:
            found.append(f"Left out, because they are no songs: {_name_some(self.no_songs)}.")
        return found


def find_songs(sources: Iterable[str | Path]) -> SongFiles:
    """The songs among named files and in named folders, with all folders inside them.

    Of a folder, files with an ending of sound are taken; of files that are named one by one, all but covers, lists and the like. A
    single named file is taken whatever it is.

    Raises:
        NotFound: a path does not exist.
        InvalidInput: there is no song (NO_SONGS).
    """
    given = [Path(source) for source in sources]
    songs: list[Path] = []
    no_songs: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(_walk(path), key=natural_key)
            songs += [each for each in inside if _is_sound(each)]
            no_songs += [each for each in inside if not _is_sound(each) and not _is_hidden(each.name)]
        elif not path.is_file():
            raise NotFound(f"{path} is neither a file nor a folder", reason="NO_SUCH_FILE")
        elif len(given) > 1 and is_junk(path.name):
            no_songs.append(path)
        else:
            songs.append(path)
    if not songs:
        where = given[0] if len(given) == 1 else "what was named"
        raise InvalidInput(f"there are no songs in {where}; formats that are read: {IN_WORDS}", reason="NO_SONGS")
    return SongFiles(songs=tuple(songs[:TRACKS_MAX]), no_songs=tuple(no_songs), beyond=tuple(songs[TRACKS_MAX:]))


def natural_key(path: str | Path) -> list[tuple[int, int, str]]:
    """A sorting key by which 2 comes before 10, without regard to case, and files of a folder before its folders."""
    parts = Path(path).parts
    key: list[tuple[int, int, str]] = []
    for depth, part in enumerate(parts):
        key.append((0 if depth == len(parts) - 1 else 1, 0, ""))
        for digits, text in re.findall(r"(\d+)|(\D+)", part.casefold()):
            key.append((2, int(digits), "") if digits else (3, 0, text))
    return key


def is_junk(name: str) -> bool:
    """True for a file that is known to be no song by its name."""
    return _is_hidden(name) or _ending(name) in _JUNK_ENDINGS


def _is_sound(path: Path) -> bool:
    return not is_junk(path.name) and _ending(path.name) in SOUND_ENDINGS


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK_NAMES


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _walk(folder: Path) -> list[Path]:
    """All regular files below a folder. Links to folders are not followed: they may lead round in a circle."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [path for name in names if (path := Path(place) / name).is_file()]
    return found


def _name_some(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths[:_NAMED_MAX]]
    rest = len(paths) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")
