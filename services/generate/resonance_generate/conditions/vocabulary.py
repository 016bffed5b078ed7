"""Notices about words of a prompt that the model does not know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from resonance_model.loaded_model import LoadedModel

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
# Function words carry nothing that a model could play; to name them would hide the words that matter.
_FUNCTION_WORDS = frozenset(
    """a about all also an and any are as at be but by can could do does for from get give has have he here i in into is it its just
    less let like make many me more most much my need of on only or our play please plus quite rather really she should so some than
    that the their then there these they this those to too very want was we were when where which while who will with would you
    your""".split()  # noqa: SIM905 (a list of words is read more easily)
)
_NAMED_MAX = 8
_LETTERS_MAX = 24


def tell_unknown_words(model: LoadedModel, text: str, told: Sequence[tuple[int, int]], notices: list[str]) -> bool:
    """Adds a notice where the model knows no word of the text, or not all of them; returns False where it knows none.

    Stretches in `told` are spoken of elsewhere.
    """
    words = [found[0] for found in _WORD.finditer(text)]
    apart = list(
        dict.fromkeys(
            found[0]
            for found in _WORD.finditer(text)
            if not any(start <= found.start() < end for start, end in told) and found[0].lower() not in _FUNCTION_WORDS
        )
    )
    vocabulary = model.vocabulary
    unknown = [word for word in apart if not vocabulary.knows(word)]
    is_foreign = any(not _is_latin(word) for word in unknown)
    language = ": it reads English words only" if is_foreign or not words else ""
    notice, is_lost = "", not words or bool(not told and unknown and len(unknown) == len(apart))
    if is_lost:
        notice = f"no word of {_short(text.strip(), 40)!r} is known to this model{language or ', so that they have no effect'}"
    elif unknown:
        named = ", ".join(_short(word, _LETTERS_MAX) for word in unknown[:_NAMED_MAX])
        more = f" and {len(unknown) - _NAMED_MAX} more" if len(unknown) > _NAMED_MAX else ""
        notice = f"unknown to this model and without effect: {named}{more}{language}"
    if notice and notice not in notices:
        notices.append(notice)
    return not is_lost


def _is_latin(word: str) -> bool:
    return all(not letter.isalpha() or unicodedata.name(letter, "").startswith("LATIN") for letter in word)


def _short(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "\u2026"
