"""Mixes of tastes: their text, and paths that turn at bar lines."""

from __future__ import annotations

import pytest

from resonance.client.requests import build_request
from resonance.errors import InvalidInput
from resonance.steering.taste_mix import add_taste_path, parse_taste_mix, to_taste_weights


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("a", {"a": 1}),
        ("a + b - c", {"a": 1, "b": 1, "c": -1}),
        ("- a-b + 0.5 c_d", {"a-b": -1, "c_d": 0.5}),
        ("2 a \N{MINUS SIGN} .25 b", {"a": 2, "b": -0.25}),
        ("a + 7", {"a": 1, "7": 1}),
    ],
)
def test_a_sum_of_tastes_is_read(text: str, mix: dict[str, float]) -> None:
    assert parse_taste_mix(text) == mix


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "MALFORMED"),
        ("a +", "MALFORMED"),
        ("a b", "MALFORMED"),
        ("a + - b", "MALFORMED"),
        ("A + b", "MALFORMED"),
        ("0.5 0.5 a", "MALFORMED"),
        ("a - a", "CONFLICT"),
        ("9 a", "TOO_LARGE"),
        (" + ".join(f"t{number}" for number in range(9)), "TOO_LONG"),
    ],
)
def test_other_texts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_taste_mix(text)
    assert refusal.value.reason == reason


def test_a_path_goes_in_equal_steps_at_bar_lines_and_ends_on_the_other_mix() -> None:
    request = build_request(
        "piano", duration_s=20, bpm=120, tastes={"a": 1, "c": -0.5}, tastes_then={"b": 0.8, "c": -0.5}
    )
    steps = [
        (change.start_s, {use.taste_id: use.strength for use in change.recipe.tastes})
        for change in request.recipe_changes
    ]
    assert [at_s for at_s, _ in steps] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert steps[4][1] == pytest.approx({"a": 0.5, "b": 0.4, "c": -0.5})
    assert all(mix["c"] == -0.5 for _, mix in steps)
    assert {use.taste_id: use.strength for use in request.recipe.tastes} == {"a": 1, "c": -0.5}


def test_bars_have_the_tempo_that_the_model_plays() -> None:
    request = build_request("piano", duration_s=10, bpm=90, tastes_then={"b": 1}, tempi_bpm=[62.5, 93.75, 125])
    assert [change.start_s for change in request.recipe_changes] == pytest.approx([2.56, 5.12, 7.68])


def test_a_path_inside_of_a_take_holds_its_end() -> None:
    request = build_request("piano", duration_s=60, bpm=60, tastes={"a": 1})
    add_taste_path(request, to_taste_weights({"b": 1}), start_s=10, end_s=30)
    assert [change.start_s for change in request.recipe_changes] == [12, 16, 20, 24, 28, 32]
    assert [use.strength for use in request.recipe_changes[-1].recipe.tastes] == [0, 1]


@pytest.mark.parametrize(("start_s", "end_s"), [(5, 5), (0, 30), (8, 2)])
def test_a_path_that_does_not_lie_within_the_take_is_refused(start_s: float, end_s: float) -> None:
    request = build_request("piano", duration_s=10, tastes={"a": 1})
    with pytest.raises(InvalidInput, match=r"taste_path\.end_s"):
        add_taste_path(request, to_taste_weights({"b": 1}), start_s=start_s, end_s=end_s)
