"""Placing of a script's sentences: in order, apart, on the music's grid, within their sections."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.errors import InvalidInput
from resonance_speech.narration.placing import END_S, FIRST_S, GAP_S, WORDS_PER_S_MAX, Sentence, place


def sentences(*durations_s: float, section: int = 0) -> list[Sentence]:
    return [Sentence(section=section, text="two words", duration_s=duration_s) for duration_s in durations_s]


@given(
    st.lists(st.floats(0.3, 6.0), min_size=1, max_size=8), st.floats(40.0, 240.0) | st.none(), st.floats(10.0, 120.0)
)
def test_sentences_never_overlap_and_end_before_the_music_does(
    durations_s: list[float], bpm: float | None, duration_s: float
) -> None:
    try:
        placed = place(sentences(*durations_s), [None], duration_s=duration_s, bpm=bpm).placed
    except InvalidInput as refusal:
        assert refusal.reason == "SCRIPT_TOO_LONG"
        end_s, start_s = 0.0, FIRST_S
        for spoken_s in durations_s:
            end_s = start_s + spoken_s
            start_s = max(end_s + GAP_S, start_s + 2 / WORDS_PER_S_MAX)
        assert end_s > duration_s - END_S, "one after the other they would have fitted"
        return
    assert [one.sentence.duration_s for one in placed] == durations_s
    assert placed[0].start_s >= FIRST_S
    assert placed[-1].end_s <= duration_s - END_S + 1e-6
    for before, after in pairwise(placed):
        assert after.start_s >= before.end_s + GAP_S - 1e-6


@pytest.mark.parametrize(
    ("duration_s", "grid", "step_s"), [(30.0, "bars", 2.4), (10.5, "beats", 0.6), (9.0, "free", 0.0)]
)
def test_sentences_begin_on_bars_else_on_beats_else_anywhere(duration_s: float, grid: str, step_s: float) -> None:
    found = place(sentences(1.5, 1.5, 1.5, 1.5), [None], duration_s=duration_s, bpm=100.0)
    assert found.grid == grid
    if step_s:
        assert all(one.start_s / step_s == pytest.approx(round(one.start_s / step_s)) for one in found.placed)


def test_music_without_a_beat_is_spoken_over_freely() -> None:
    found = place(sentences(1.0), [None], duration_s=10.0, bpm=None)
    assert (found.grid, found.placed[0].start_s) == ("free", FIRST_S)


def test_a_section_begins_at_its_time_and_never_before_the_one_before_has_ended() -> None:
    script = [*sentences(1.0), *sentences(1.0, section=1), *sentences(1.0, section=2)]
    found = place(script, [None, 7.3, None], duration_s=20.0, bpm=None).placed
    assert [one.start_s for one in found] == [FIRST_S, 7.3, pytest.approx(7.3 + 1.0 + GAP_S)]


@pytest.mark.parametrize(
    ("starts_s", "duration_s", "named"),
    [
        ([None, 3.0], 30.0, "sections[0].text: is spoken 2.0 s past the next section"),
        ([None, 20.0], 22.0, "sections[1].text: is spoken 2.3 s past the end of the take"),
    ],
)
def test_a_script_that_is_too_long_says_where_and_by_how_much(
    starts_s: list[float | None], duration_s: float, named: str
) -> None:
    script = [*sentences(4.0), *sentences(4.0, section=1)]
    with pytest.raises(InvalidInput, match="is spoken") as refusal:
        place(script, starts_s, duration_s=duration_s, bpm=None)
    assert refusal.value.message.startswith(named)
    assert refusal.value.reason == "SCRIPT_TOO_LONG"


def test_many_short_sentences_are_spoken_no_faster_than_a_listener_follows() -> None:
    script = [Sentence(section=0, text="one two three four five", duration_s=0.5) for _ in range(6)]
    placed = place(script, [None], duration_s=60.0, bpm=None).placed
    spoken_s = placed[-1].start_s - placed[0].start_s
    assert 5 * 5 / spoken_s <= WORDS_PER_S_MAX + 1e-6
