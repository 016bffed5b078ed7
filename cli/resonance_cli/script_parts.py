"""Script parts as they are typed: words that may begin with their time."""

from __future__ import annotations

from resonance.errors import invalid_field


def parse_section(text: str) -> tuple[str, float | None]:
    """A part of a script: `12: words` or `12.5: words` begins at that second. Raises InvalidInput where no words follow."""
    start, colon, words = text.partition(":")
    if not colon or not start.strip().replace(".", "", 1).isdecimal():
        return text, None
    if not words.strip():
        raise invalid_field("script", "EMPTY", f"there are no words after {start}:")
    return words.strip(), float(start)
