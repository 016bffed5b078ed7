"""Command arguments: music, pairs, ranges, stars, taste options."""

from __future__ import annotations

import pytest

from resonance.client.requests import build_taste_options
from resonance.errors import InvalidInput
from resonance.v1 import steering_pb2
from resonance_cli.arguments import pair_up, parse_age, parse_music, parse_stars, parse_track_range


def test_music_is_a_taste_some_of_its_tracks_or_a_take() -> None:
    assert parse_music("t-abc").taste_id == "t-abc"
    some = parse_music("t-abc:0,2")
    assert (some.taste_id, list(some.track_indices), some.take_id) == ("t-abc", [0, 2], "")
    take = parse_music("take:mine_1")
    assert (take.taste_id, take.take_id) == ("", "mine_1")


def test_a_track_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not TASTE"):
        parse_music("t-abc:first")


def test_sides_of_unequal_number_are_no_pairs() -> None:
    assert pair_up("less", ["loud", "fast"], ["soft", "slow"]) == [("loud", "soft"), ("fast", "slow")]
    with pytest.raises(InvalidInput, match="2 with more of it and 1 with less"):
        pair_up("less", ["loud", "fast"], ["soft"])


def test_ranges_and_stars_are_read_or_named() -> None:
    assert parse_track_range("2:30-75.5") == (2, 30.0, 75.5)
    assert parse_stars("5,0,3") == [5, 0, 3]
    assert parse_stars("") == []
    with pytest.raises(InvalidInput, match="is not TRACK:START-END"):
        parse_track_range("30-75")
    with pytest.raises(InvalidInput, match="such as 5,0,3"):
        parse_stars("5,many")


def test_options_of_a_taste_are_plain_words_and_absent_ones_stay_unset() -> None:
    assert build_taste_options() == steering_pb2.TasteOptions()
    assert build_taste_options(ranges=[(0, 1.0, 5.0)]).mix_mode == steering_pb2.MIX_MODE_TIME_SELECT
    options = build_taste_options(
        mix_mode="attention_weighted", temperature=0.5, direction="mean", whitening="shrunk", stars=[5]
    )
    assert (options.mix_mode, options.attention_temperature) == (steering_pb2.MIX_MODE_ATTENTION_WEIGHTED, 0.5)
    assert (options.direction_kind, options.whitening) == (
        steering_pb2.DIRECTION_KIND_MEAN,
        steering_pb2.WHITENING_SHRUNK,
    )
    with pytest.raises(InvalidInput, match="loudest is none of mean, time_select, attention_weighted"):
        build_taste_options(mix_mode="loudest")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1.5h", 5400), ("3d", 259_200)])
def test_an_age_has_a_unit(text: str, seconds: float) -> None:
    assert parse_age("older-than", text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "-3d", "2 weeks", "1h30m", "٣h"])
def test_an_age_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no age"):
        parse_age("older-than", text)


def test_an_age_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInput, match="more than a hundred years") as refusal:
        parse_age("older-than", "99999999999999999999d")
    assert refusal.value.violations[0].reason == "TOO_LARGE"
