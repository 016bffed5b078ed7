"""File formats of delivered sound, and their choice by name, Accept or ending.

The table says which container carries which mark, so that docs, errors and tests read one source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from resonance.errors import invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """One format.

    `container` and `codec` are FFmpeg's names. `rates_hz` are the sample rates that the codec takes (empty: any); other rates are
    resampled. `c2pa_type` is the media type under which C2PA signs it, empty where C2PA knows no such container.
    """

    name: str
    media_type: str
    aliases: tuple[str, ...]
    endings: tuple[str, ...]
    container: str
    codec: str
    is_lossless: bool = False
    bit_rate: int = 0
    rates_hz: tuple[int, ...] = ()
    c2pa_type: str = ""


_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
FORMATS = {
    form.name: form
    for form in (
        FileFormat(
            name="wav",
            media_type="audio/wav",
            aliases=("audio/x-wav", "audio/wave", "audio/vnd.wave"),
            endings=(".wav", ".wave"),
            container="wav",
            codec="pcm_s16le",
            is_lossless=True,
            c2pa_type="audio/wav",
        ),
        FileFormat(
            name="flac",
            media_type="audio/flac",
            aliases=("audio/x-flac",),
            endings=(".flac",),
            container="flac",
            codec="flac",
            is_lossless=True,
            c2pa_type="audio/flac",
        ),
        FileFormat(
            name="mp3",
            media_type="audio/mpeg",
            aliases=("audio/mp3", "audio/x-mp3", "audio/mpeg3"),
            endings=(".mp3",),
            container="mp3",
            codec="libmp3lame",
            bit_rate=160_000,
            rates_hz=_MPEG_RATES,
            c2pa_type="audio/mpeg",
        ),
        FileFormat(
            name="opus",
            media_type="audio/ogg",
            aliases=("audio/opus", "application/ogg"),
            endings=(".opus", ".ogg", ".oga"),
            container="ogg",
            codec="libopus",
            bit_rate=96_000,
            rates_hz=(8000, 12000, 16000, 24000, 48000),
        ),
        FileFormat(
            name="m4a",
            media_type="audio/mp4",
            aliases=("audio/m4a", "audio/x-m4a", "audio/mp4a-latm"),
            endings=(".m4a", ".mp4"),
            container="mp4",
            codec="aac",
            bit_rate=128_000,
            rates_hz=_MPEG_RATES,
            c2pa_type="audio/mp4",
        ),
    )
}
WAV = FORMATS["wav"]
# Samples without a file around them, at the rate of OpenAI's `pcm`. It has no name in `format`, no ending of its own, and no tags.
PCM = FileFormat(
    name="pcm",
    media_type="audio/pcm",
    aliases=(),
    endings=(".pcm",),
    container="s16le",
    codec="pcm_s16le",
    rates_hz=(24_000,),
)
NAMES = ", ".join(FORMATS)
MEDIA_TYPES = ", ".join(form.media_type for form in FORMATS.values())
_ALIASES = {"aac": "m4a", "mp4": "m4a", "ogg": "opus", "wave": "wav", "mpeg": "mp3"}


def format_named(name: str, *, field: str = "format") -> FileFormat:
    """The format of this name (`aac` and `ogg` are known, too). Raises InvalidInput that lists the formats."""
    found = FORMATS.get(_ALIASES.get(name.lower(), name.lower()))
    if found is None:
        raise invalid_field(field, "UNKNOWN_FORMAT", f"{name[:40]!r} is none of {NAMES}")
    return found


def format_of_path(path: PurePath) -> FileFormat:
    """The format of a file's ending; WAV where the name has none. Raises InvalidInput that lists the formats."""
    ending = path.suffix.lower()
    if not ending:
        return WAV
    for form in FORMATS.values():
        if ending in form.endings:
            return form
    raise invalid_field("format", "UNKNOWN_FORMAT", f"the ending {ending[:40]!r} is none of {NAMES}; name a format")


def format_accepted(accept: str) -> FileFormat | None:
    """The format that an Accept header prefers (RFC 9110, section 12.5.1); WAV without a header, None where none fits.

    A client that ranks formats alike gets the first of the table.
    """
    ranges = [_parse_range(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return WAV
    ranked = [(_quality(form, ranges), -place, form) for place, form in enumerate(FORMATS.values())]
    quality, _, best = max(ranked, key=lambda each: each[:2])
    return best if quality > 0 else None


def _parse_range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return media_range, quality


def _quality(form: FileFormat, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the format. Bytes of any kind are WAV; JSON is none of them."""
    names = {form.media_type, *form.aliases}
    exact = [quality for media_range, quality in ranges if media_range in names]
    if exact:
        return max(exact)
    wide_ranges = ("audio/*", "application/octet-stream", "*/*") if form.name == "wav" else ("audio/*", "*/*")
    for wide in wide_ranges:
        found = [quality for media_range, quality in ranges if media_range == wide]
        if found:
            return max(found)
    return 0.0
