"""Reading of a concept by a lexicon of its own."""

from __future__ import annotations

from collections.abc import Mapping

from resonance_video.models import SongMap, Treatment


def read_concept(
    concept: str,
    song_map: SongMap,
    *,
    taste_words: str = "",
    sliders: Mapping[str, float] | None = None,
    seed: int = 0,
    character: str = "",
) -> Treatment:
    """The treatment of a concept. `character` describes the person apart from the concept; `sliders` are positions in [-1, 1].

    The music and the taste's words decide where the concept says nothing. Words that were not read are listed in `unread`.

    Raises:
        InvalidInput: the concept is longer than CONCEPT_LETTERS_MAX.
    """
    raise NotImplementedError
