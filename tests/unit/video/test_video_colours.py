"""Colours: distance after the published test data, contrast, names."""

from __future__ import annotations

import pytest

from resonance_video.colours import COLOUR_NAMES, contrast, distance, lab_distance, nearest_name, to_hex, to_rgb

# Of the supplementary test data of Sharma, Wu and Dalal (2005): pairs in CIELAB, and CIEDE2000.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "published"), SHARMA)
def test_the_distance_is_the_published_one(
    first: tuple[float, float, float], second: tuple[float, float, float], published: float
) -> None:
    assert lab_distance(first, second) == pytest.approx(published, abs=1e-4)
    assert lab_distance(second, first) == pytest.approx(published, abs=1e-4)


def test_black_and_white_are_21_to_1_and_a_hundred_apart() -> None:
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    assert contrast(black, white) == pytest.approx(21)
    assert distance(black, white) == pytest.approx(100, abs=0.01)


def test_every_named_colour_is_read_back_by_its_value() -> None:
    for value in COLOUR_NAMES.values():
        assert to_hex(to_rgb(value)) == value
        assert COLOUR_NAMES[nearest_name(to_rgb(value))] == value
