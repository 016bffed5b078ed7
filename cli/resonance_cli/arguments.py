"""Parsers of command arguments.

Each raises InvalidInput with the option's name.
"""

from __future__ import annotations

import re
from pathlib import Path

from resonance.errors import NotFound, invalid_field
from resonance.ids import is_request_id
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import extract_pb2

# Links that are pasted without their scheme; other words with dots and slashes may be files.
_BARE_LINK = re.compile(
    r"(?:www\.\S+|(?:[\w-]+\.)*(?:youtu\.be|youtube(?:-nocookie)?\.com|spotify\.com|music\.apple\.com))/\S+",
    re.IGNORECASE,
)
# Older work than the calendar reaches back to has no start time that could be written down.
_AGE_S_MAX = 100 * 365 * 86_400


def read_melody(path: Path) -> bytes:
    """The melody file's bytes. Raises NotFound where there is no such file."""
    if not path.is_file():
        raise NotFound(f"{path} is not a file", reason="NO_SUCH_FILE")
    return path.read_bytes()


def parse_sliders(texts: list[str]) -> dict[str, float]:
    """`NAME=POSITION` of the seven sliders, by name."""
    positions: dict[str, float] = {}
    for text in texts:
        name, _, position = text.partition("=")
        if name not in SLIDER_NAMES:
            raise invalid_field("slider", "UNKNOWN_SLIDER", f"{name} is none of {', '.join(SLIDER_NAMES)}")
        try:
            positions[name] = float(position)
        except ValueError as failure:
            raise invalid_field("slider", "MALFORMED", f"{text} is not NAME=NUMBER") from failure
    return positions


def parse_numbers(option: str, texts: list[str]) -> dict[str, float]:
    """`NAME=NUMBER`, by name."""
    numbers: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError as failure:
            raise invalid_field(option, "MALFORMED", f"{text} is not NAME=NUMBER") from failure
    return numbers


def parse_number(option: str, text: str) -> float:
    """A number."""
    return parse_numbers(option, [f"{option}={text}"])[option]


def parse_gains(option: str, texts: list[str]) -> dict[int, float]:
    """`LAYER=GAIN`, by layer."""
    numbers = parse_numbers(option, texts)
    if not all(name.isdigit() for name in numbers):
        raise invalid_field(option, "MALFORMED", "is LAYER=GAIN with a layer's number")
    return {int(name): gain for name, gain in numbers.items()}


def pair_up(option: str, more: list[str], less: list[str]) -> list[tuple[str, str]]:
    """Pairs of one example with more of a concept and one with less, in order."""
    if len(more) != len(less):
        raise invalid_field(option, "NOT_PAIRED", f"there are {len(more)} with more of it and {len(less)} with less")
    return list(zip(more, less, strict=True))


def parse_music(text: str) -> extract_pb2.MusicSource:
    """Stored music: `t-...` is a taste, `t-...:0,2` two of its tracks, `take:ID` a take."""
    if text.startswith("take:"):
        return extract_pb2.MusicSource(take_id=text.removeprefix("take:"))
    taste_id, _, tracks = text.partition(":")
    numbers = tracks.split(",") if tracks else []
    if not all(number.isdigit() for number in numbers):
        raise invalid_field("music", "MALFORMED", f"{text} is not TASTE, TASTE:TRACK,TRACK or take:ID")
    return extract_pb2.MusicSource(taste_id=taste_id, track_indices=[int(number) for number in numbers])


def parse_track_range(text: str) -> tuple[int, float, float]:
    """`TRACK:START-END`: a track counted from 0, start and end in seconds."""
    found = re.fullmatch(r"(\d+):(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text)
    if found is None:
        raise invalid_field("range", "MALFORMED", f"{text} is not TRACK:START-END, such as 0:30-75.5")
    return int(found[1]), float(found[2]), float(found[3])


def parse_stars(text: str) -> list[int]:
    """`5,0,3`: the stars of the tracks in order."""
    numbers = text.split(",") if text else []
    if not all(number.strip().isdigit() for number in numbers):
        raise invalid_field("stars", "MALFORMED", f"{text} is not whole numbers with commas, such as 5,0,3")
    return [int(number) for number in numbers]


def parse_link(sources: list[str]) -> str:
    """The link, where one source is given that is no file but looks like one, with or without `https://`; otherwise empty."""
    (first, *others) = sources
    is_link = "://" in first or first.startswith("spotify:") or _BARE_LINK.fullmatch(first) is not None
    return first if is_link and not others and not Path(first).exists() else ""


def is_file_name(text: str) -> bool:
    """True for the name of a file that is there, and for what cannot be an id, so that a missing file is told as such."""
    return Path(text).is_file() or not is_request_id(text)


def parse_age(option: str, text: str) -> float:
    """Seconds of an age such as `90s`, `15m`, `2h` or `3d`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text, re.ASCII)
    if found is None:
        raise invalid_field(option, "MALFORMED", f"{text!r} is no age such as 90s, 15m, 2h or 3d")
    age_s = float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]
    if age_s > _AGE_S_MAX:
        raise invalid_field(option, "TOO_LARGE", f"{text} is more than a hundred years")
    return age_s
