"""Taste options: contradictions are reported by field."""

from __future__ import annotations

import pytest

from resonance.errors import InvalidInput
from resonance.steering.taste_options import check_taste_options
from resonance.v1 import steering_pb2 as pb


def faults_of(options: pb.TasteOptions, path: str = "options") -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        check_taste_options(options, path)
    return [(fault.field, fault.reason) for fault in caught.value.violations]


@pytest.mark.parametrize("bounds", [(5, 5), (6, 5)])
def test_a_range_that_ends_before_it_starts_is_named(bounds: tuple[float, float]) -> None:
    options = pb.TasteOptions(mix_mode=pb.MIX_MODE_TIME_SELECT)
    options.ranges.add(track_index=0, start_s=1, end_s=2)
    options.ranges.add(track_index=0, start_s=bounds[0], end_s=bounds[1])
    assert faults_of(options) == [("options.ranges[1]", "EMPTY_RANGE")]
    assert faults_of(options, "header.options") == [("header.options.ranges[1]", "EMPTY_RANGE")]


def test_time_select_needs_a_range() -> None:
    assert faults_of(pb.TasteOptions(mix_mode=pb.MIX_MODE_TIME_SELECT)) == [("options.ranges", "REQUIRED")]


@pytest.mark.parametrize("mode", [pb.MIX_MODE_TIME_SELECT, pb.MIX_MODE_ATTENTION_WEIGHTED])
def test_a_playlist_in_words_alone_has_no_other_mix(mode: pb.MixMode) -> None:
    options = pb.TasteOptions(mix_mode=mode, direction_kind=pb.DIRECTION_KIND_WORDS)
    options.ranges.add(track_index=0, start_s=1, end_s=2)
    assert faults_of(options) == [("options.mix_mode", "WORDS_ALONE")]


@pytest.mark.parametrize("mode", [pb.MIX_MODE_UNSPECIFIED, pb.MIX_MODE_MEAN])
def test_what_does_not_contradict_itself_passes(mode: pb.MixMode) -> None:
    check_taste_options(pb.TasteOptions(mix_mode=mode, direction_kind=pb.DIRECTION_KIND_WORDS))
    check_taste_options(pb.TasteOptions(mix_mode=mode))
