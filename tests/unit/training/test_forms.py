"""Forms and harmony: chord changes, equal parts, transitions, onset grid."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from model.training import forms, harmony
from model.training.compose import compose
from model.training.palette import DRUMS, GENRES
from model.training.patterns import CRASH
from model.training.pieces import Piece

PIECES = [compose(seed) for seed in range(300)]


def part(piece: Piece, place: int, player: str | None = None) -> list[tuple[int, str, int]]:
    """The onsets of one part of the form, from its own start."""
    start = place * piece.part_frames
    return [
        (note.start - start, note.player, note.key)
        for note in sorted(piece.notes, key=lambda note: (note.start, note.player, note.key))
        if start <= note.start < start + piece.part_frames and player in (None, note.player)
    ]


def test_every_form_is_drawn_and_fills_its_loop() -> None:
    assert {piece.form for piece in PIECES} == set(forms.FORMS)
    assert all(piece.loop_frames == len(piece.form) * piece.part_frames for piece in PIECES)


def test_progressions_of_four_and_of_eight_bars_are_common() -> None:
    bars = Counter(piece.loop_frames // piece.bar_frames for piece in PIECES)
    assert set(bars) == {1, 2, 4, 8}
    assert bars[4] > 0.25 * len(PIECES)
    assert bars[8] > 0.2 * len(PIECES)


def test_a_chord_is_followed_by_another_but_where_an_answer_rests_on_the_tonic() -> None:
    for piece in PIECES:
        roots = [root for _, root in piece.changes]
        standing = [
            place for place, (root, later) in enumerate(zip(roots, roots[1:] + roots[:1], strict=True)) if root == later
        ]
        assert standing == ([len(roots) - 1] if piece.form.endswith("C") else [])


def test_no_chord_lasts_longer_than_a_bar_and_changes_fall_on_beats() -> None:
    for piece in PIECES:
        frames = [frame for frame, _ in piece.changes]
        lasts = [later - frame for frame, later in zip(frames, [*frames[1:], piece.loop_frames], strict=True)]
        assert max(lasts) <= piece.bar_frames
        assert all(frame % (4 * piece.labels.frames_per_sixteenth) == 0 for frame in frames)


def test_equal_parts_sound_alike_but_for_fills_and_the_step_into_the_next() -> None:
    for piece in PIECES:
        still = set(piece.labels.instruments) - {DRUMS, "bass guitar", "synth bass"}
        for player in still:
            if piece.form == "AABA":
                assert part(piece, 0, player) == part(piece, 1, player) == part(piece, 3, player)


def test_a_second_part_brings_other_chords_to_whoever_plays_chords() -> None:
    two = [piece for piece in PIECES if piece.form == "AB" and piece.labels.instruments == ("organ",)]
    assert two
    assert all(part(piece, 0) != part(piece, 1) for piece in two)


def test_a_fill_is_answered_by_a_cymbal_on_the_first_beat() -> None:
    answered = 0
    for piece in (piece for piece in PIECES if DRUMS in piece.labels.instruments and len(piece.form) > 1):
        answered += any(note.key == CRASH and note.start == piece.loop_frames for note in piece.notes)
    assert answered > 20


def test_every_onset_is_on_the_grid_of_sixteenths_or_swings_by_half_of_one() -> None:
    for piece in PIECES:
        sixteenth = piece.labels.frames_per_sixteenth
        late = {0, round(0.5 * sixteenth)} if GENRES[piece.labels.genre].swing and not piece.labels.solo else {0}
        assert {note.start % sixteenth for note in piece.notes} <= late


def test_walking_basses_come_a_step_from_the_next_root() -> None:
    near = far = 0
    for piece in (
        piece for piece in PIECES if piece.labels.genre == "jazz" and "bass guitar" in piece.labels.instruments
    ):
        line = part(piece, 0, "bass guitar")
        roots = dict(piece.changes)
        for (_, _, key), (start, _, later) in pairwise(line):
            if start in roots and later % 12 == roots[start]:
                near += (key - later) in {-2, -1, 1, 2}
                far += (key - later) not in {-2, -1, 1, 2}
    assert near > 3 * far


def test_dense_bands_strike_more_often_than_sparse_ones() -> None:
    def strokes(piece: Piece) -> float:
        pitched = {
            (note.start, note.player) for note in piece.notes if note.player != DRUMS and note.start < piece.loop_frames
        }
        return len(pitched) / (piece.loop_frames / (4 * piece.labels.frames_per_sixteenth))

    bands = [piece for piece in PIECES if not piece.labels.solo and piece.labels.vocal_presence == 0]
    sparse = [strokes(piece) for piece in bands if piece.labels.instrument_density == 1]
    dense = [strokes(piece) for piece in bands if piece.labels.instrument_density == 5]
    assert sum(dense) / len(dense) > 2.5 * sum(sparse) / len(sparse)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("chords", [2, 4])
def test_departures_begin_where_statements_did_not_end(mode: str, chords: int) -> None:
    for seed in range(60):
        drawn = harmony.progressions(Random(seed), mode, seed % 3 == 0, 0, chords, "ABAC")
        assert {len(progression) for progression in drawn.values()} == {chords}
        assert drawn["A"][0][0] == 0
        assert drawn["B"][0][0] not in {0, drawn["A"][-1][0]}
        assert drawn["C"][-1][0] == 0


def test_what_was_heard_before_is_known_by_the_form() -> None:
    heard = [forms.heard_before("AABA", 100, frame) for frame in range(0, 500, 100)]
    assert heard == [False, True, False, True, True]
