"""Sentences of a text, for voices that read any script."""

from __future__ import annotations

import re

from resonance.errors import invalid_field

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"”’)\]]*\s+(?=\S)")


def split_sentences(text: str) -> list[str]:
    """The sentences, in their order. Raises InvalidInput (UNSPEAKABLE) for a text without a word."""
    sentences = [part.strip() for line in text.splitlines() for part in _SENTENCE_END.split(line)]
    found = [sentence for sentence in sentences if any(character.isalnum() for character in sentence)]
    if not found:
        raise invalid_field("text", "UNSPEAKABLE", "there is no word in it")
    return found
