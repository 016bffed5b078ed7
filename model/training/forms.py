"""Forms: ordered parts of a piece, as letters.

Parts with equal letters are alike.
"""

from __future__ import annotations

from random import Random
from typing import Final

# A part is one or two bars. One part alone is the loop that techno and lo-fi live on; two make a progression of four bars, four parts one
# of eight: a song's AABA, a period's question and answer (ABAC), or three times the same and a turn.
FORMS: Final = ("A", "AB", "AAAB", "AABA", "ABAC")
FORM_WEIGHTS: Final = (14, 34, 10, 20, 22)


def drawn(random: Random) -> str:
    """A form, whatever the piece's attributes are."""
    return random.choices(FORMS, FORM_WEIGHTS)[0]


def neighbours(form: str) -> list[tuple[str, str]]:
    """Every part with the one that follows it; the first follows the last."""
    return list(zip(form, form[1:] + form[0], strict=True))


def heard_before(form: str, part_frames: int, frame: int) -> bool:
    """Whether the part that sounds at a frame of the piece has sounded in full before."""
    place = frame // part_frames
    return place >= len(form) or form[place] in form[:place]
