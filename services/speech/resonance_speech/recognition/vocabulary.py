"""Words of a wish that a recognizer is told beforehand: recognizers prefer words that they were prompted with."""

from __future__ import annotations

from collections.abc import Sequence

# Sentences, and not a list: a prompt in the form of what will be said helps more than its words alone.
WISHES = (
    "More bass. A little slower. Much faster, and less drums. No vocals. Calmer, with more strings. "
    "Fewer instruments. Richer chords. Darker and tense. Happier. Like a rainy night. Undo that. Half as loud."
)


def build_prompt(vocabulary: Sequence[str]) -> str:
    """The prompt of a recognizer: common wishes, and the caller's own words as one more sentence."""
    own = ", ".join(word.strip() for word in vocabulary if word.strip())
    return f"{WISHES} {own}." if own else WISHES
