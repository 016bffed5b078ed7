"""Which tokens of a take stand already where it goes on from another one's."""

from __future__ import annotations

import numpy as np

from resonance.store.token_document import Codes


def continuation_tokens(known: Codes, *, start: int, end: int | None, frame_count: int) -> Codes:
    """What stands already of a take of `frame_count` frames: frames before `start`, and from `end` on where that is given.

    Returns `[codebooks, frame_count]`, -1 where music is to be made.
    """
    given = np.full((known.shape[0], frame_count), -1, np.int64)
    kept = min(start, frame_count, known.shape[1])
    given[:, :kept] = known[:, :kept]
    if end is not None:
        last = min(known.shape[1], frame_count)
        given[:, end:last] = known[:, end:last]
    return given
