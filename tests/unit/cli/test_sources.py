"""What the command line calls stored music, and pairs that are whole."""

from __future__ import annotations

import pytest

from resonance.errors import InvalidInput
from resonance_cli.commands import _music_of, _paired


def test_music_is_a_taste_some_of_its_tracks_or_a_take() -> None:
    assert _music_of("t-abc").taste_id == "t-abc"
    some = _music_of("t-abc:0,2")
    assert (some.taste_id, list(some.track_indices), some.take_id) == ("t-abc", [0, 2], "")
    take = _music_of("take:mine_1")
    assert (take.taste_id, take.take_id) == ("", "mine_1")


def test_what_is_no_track_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not TASTE"):
        _music_of("t-abc:first")


def test_sides_of_unequal_number_are_no_pairs() -> None:
    assert _paired("less", ["loud", "fast"], ["soft", "slow"]) == [("loud", "soft"), ("fast", "slow")]
    with pytest.raises(InvalidInput, match="2 with more of it and 1 with less"):
        _paired("less", ["loud", "fast"], ["soft"])
