"""Clips: track coverage, configured overlap, minimum length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance_ingest.pipeline.clips import ClipShape, cut

SHAPE = ClipShape(sample_rate_hz=100, clip_s=10.0, hop_s=8.0, clip_min_s=1.0)


@pytest.mark.parametrize(
    ("sample_count", "expected"),
    [
        (0, []),
        (99, []),
        (100, [(0, 100)]),
        (999, [(0, 999)]),
        (1000, [(0, 1000)]),
        (1001, [(0, 1000), (800, 201)]),
        (1800, [(0, 1000), (800, 1000)]),
        (2600, [(0, 1000), (800, 1000), (1600, 1000)]),
    ],
)
def test_clips_are_ten_seconds_long_and_eight_apart(sample_count: int, expected: list[tuple[int, int]]) -> None:
    assert [(clip.start, clip.sample_count) for clip in cut(sample_count, SHAPE)] == expected


@given(sample_count=st.integers(0, 5000), clip_s=st.integers(2, 12), hop_s=st.integers(1, 12), least=st.integers(1, 3))
def test_clips_cover_the_track_but_for_a_rest_too_short_to_use(
    sample_count: int, clip_s: int, hop_s: int, least: int
) -> None:
    shape = ClipShape(sample_rate_hz=10, clip_s=clip_s, hop_s=min(hop_s, clip_s), clip_min_s=min(least, clip_s))
    clips = cut(sample_count, shape)
    assert [clip.index for clip in clips] == list(range(len(clips)))
    assert all(clip.start == clip.index * round(shape.hop_s * 10) for clip in clips)
    assert all(shape.clip_min_s * 10 <= clip.sample_count <= clip_s * 10 for clip in clips)
    assert all(clip.start + clip.sample_count <= sample_count for clip in clips)
    covered = max((clip.start + clip.sample_count for clip in clips), default=0)
    assert sample_count - covered < shape.clip_min_s * 10
