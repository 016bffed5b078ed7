"""Text of any locale: arguments, standard streams and file names that are no UTF-8 never end in a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from resonance.errors import invalid_field


def accept_any_text() -> None:
    """Makes the standard streams take every text: letters that the terminal cannot show are printed as escapes."""
    for stream, errors in (
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
        (sys.stdin, "surrogateescape"),
    ):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def to_text(value: str, *, field: str) -> str:
    """The text of an argument or a line whose bytes the locale could not read, such as UTF-8 in the locale C.

    Raises:
        InvalidInput: the bytes are no UTF-8 either.
    """
    try:
        return os.fsencode(value).decode("utf-8") if _has_raw_bytes(value) else value
    except UnicodeError:
        raise invalid_field(field, "MALFORMED", "has bytes that are no UTF-8 text") from None


def display_name(path: Path) -> str:
    """The name of a file for people, with a mark for bytes that are no UTF-8."""
    name = path.name
    return os.fsencode(name).decode("utf-8", "replace") if _has_raw_bytes(name) else name


def _has_raw_bytes(text: str) -> bool:
    """True where Python has kept bytes as lone surrogates (PEP 383)."""
    return any("\udc80" <= letter <= "\udcff" for letter in text)
