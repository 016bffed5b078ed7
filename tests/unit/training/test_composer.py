"""Composer: seeding, frame grid, repeating loops, independent attributes."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest
from model.training.captions import UNKNOWN, caption, vocabulary
from model.training.compose import ENDING_FRAMES, compose
from model.training.pieces import Labels

PIECES = [compose(seed) for seed in range(400)]


def test_equal_seeds_give_equal_pieces() -> None:
    assert compose(17) == compose(17)


def test_every_note_ends_after_it_starts_and_starts_inside_its_section() -> None:
    for piece in PIECES:
        last = max(end for _, _, end in piece.sections)
        assert all(note.start < note.end and 0 <= note.start < last for note in piece.notes)
        assert all(0 <= note.key <= 127 and 1 <= note.velocity <= 127 for note in piece.notes)


def test_the_loop_is_the_first_section_again() -> None:
    for piece in PIECES:
        length = piece.loop_frames
        first = sorted((note.start, note.player, note.key) for note in piece.notes if note.start < length)
        again = sorted(
            (note.start - length, note.player, note.key) for note in piece.notes if length <= note.start < 2 * length
        )
        assert first == again


def test_loops_last_a_whole_number_of_bars_of_sixteen_sixteenths() -> None:
    for piece in PIECES:
        assert piece.bar_frames == 16 * piece.labels.frames_per_sixteenth
        assert piece.loop_frames % piece.bar_frames == 0
        endings = [end - start for name, start, end in piece.sections if name == "ending"]
        assert all(length == ENDING_FRAMES for length in endings)


def test_every_piece_has_a_player_and_names_only_players_who_play() -> None:
    for piece in PIECES:
        assert set(piece.labels.instruments) == {note.player for note in piece.notes}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("energy", "bass_resonance"),
        ("energy", "frames_per_sixteenth"),
        ("emotional_tension", "energy"),
        ("vocal_presence", "harmonic_complexity"),
    ],
)
def test_attributes_are_drawn_independently(one: str, other: str) -> None:
    pairs = [(getattr(labels, one), getattr(labels, other)) for labels in _many_labels() if not labels.solo]
    left, right, both = Counter(a for a, _ in pairs), Counter(b for _, b in pairs), Counter(pairs)
    distance = sum(abs(both[a, b] / len(pairs) - left[a] * right[b] / len(pairs) ** 2) for a in left for b in right) / 2
    assert distance < 0.08


@cache
def _many_labels() -> list[Labels]:
    return [compose(seed).labels for seed in range(1200)]


def test_captions_hold_only_words_of_the_vocabulary() -> None:
    known = {*vocabulary(), UNKNOWN}
    random = Random(3)
    for piece in PIECES:
        words = caption(piece.labels.as_dict(), random).replace("-", " ").split()
        assert words
        assert set(words) <= known


def test_many_captions_are_short() -> None:
    random = Random(4)
    lengths = [len(caption(piece.labels.as_dict(), random).split()) for piece in PIECES]
    assert sum(length <= 4 for length in lengths) > 0.35 * len(lengths)
    assert sum(length <= 8 for length in lengths) > 0.6 * len(lengths)
