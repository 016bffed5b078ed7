"""What the command line calls stored music, and pairs that are whole."""

from __future__ import annotations

import pytest

from resonance.errors import InvalidInput
from resonance_cli.arguments import music_of, paired


def test_music_is_a_taste_some_of_its_tracks_or_a_take() -> None:
    assert music_of("t-abc").taste_id == "t-abc"
    some = music_of("t-abc:0,2")
    assert (some.taste_id, list(some.track_indices), some.take_id) == ("t-abc", [0, 2], "")
    take = music_of("take:mine_1")
    assert (take.taste_id, take.take_id) == ("", "mine_1")


def test_what_is_no_track_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not TASTE"):
        music_of("t-abc:first")


def test_sides_of_unequal_number_are_no_pairs() -> None:
    assert paired("less", ["loud", "fast"], ["soft", "slow"]) == [("loud", "soft"), ("fast", "slow")]
    with pytest.raises(InvalidInput, match="2 with more of it and 1 with less"):
        paired("less", ["loud", "fast"], ["soft"])
