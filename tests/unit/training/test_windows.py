"""Training windows and delay pattern: repeated loops, codebook delays."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from model.training import corpus, language_model
from model.training.readers import playing
from model.training.text import INSTRUMENTS
from model.training.windows import IGNORED, PAD, UNTOLD, Corpus, Window, arrange, delayed, roots, spoilt, weight
from transformers import MusicgenForCausalLM

PIECE = {
    "bar_frames": 64,
    "loop_frames": 128,
    "sections": [["first", 0, 128], ["loop", 128, 256]],
    "changes": [[0, 9], [64, 5]],
    "labels": {"frames_per_sixteenth": 4},
}
CODES = np.random.default_rng(0).integers(0, 1024, (4, 256)).astype(np.int16)


def test_an_arranged_loop_repeats_exactly() -> None:
    song = arrange(CODES, PIECE, 600, from_start=True)
    assert song.shape == (4, 600)
    assert np.array_equal(song[:, :128], CODES[:, :128])
    assert np.array_equal(song[:, 128:256], song[:, 256:384])


def test_windows_from_inside_a_loop_start_on_a_bar_line() -> None:
    assert np.array_equal(arrange(CODES, PIECE, 100, from_start=False, skipped=64)[:, :64], CODES[:, 192:])
    assert np.array_equal(arrange(CODES, PIECE, 100, from_start=False, skipped=64)[:, 64:], CODES[:, 128:164])


def test_the_roots_of_a_window_are_those_of_the_song_it_is_cut_from() -> None:
    assert roots(PIECE, 200).tolist() == [9] * 64 + [5] * 64 + [9] * 64 + [5] * 8
    assert roots(PIECE, 100, skipped=64).tolist() == [5] * 64 + [9] * 36


def test_no_root_is_told_where_an_ending_may_sound() -> None:
    ending = {**PIECE, "sections": [*PIECE["sections"], ["ending", 256, 376]]}  # type: ignore[misc]
    assert roots(ending, 200).tolist() == [9] * 64 + [5] * 64 + [UNTOLD] * 72


def test_inputs_stand_on_a_stroke_or_a_bar_in_time_while_the_window_is_kept() -> None:
    stood = 0
    for seed in range(60):
        window = Window(CODES, PIECE, True)
        codes = spoilt(window, Random(seed), 1.0).codes
        stood += any(
            np.array_equal(codes[:, start : start + 64], codes[:, start + 64 : start + 128])
            for start in range(0, 128, 4)
        )
        assert window.codes is CODES
    assert stood > 3


def test_the_delay_pattern_is_that_of_transformers() -> None:
    codes = CODES[:, :10]
    ids, labels = delayed([Window(codes, PIECE, True)])
    model = MusicgenForCausalLM(language_model.config())
    start = torch.full((4, 1), PAD)
    _, mask = model.build_delay_pattern_mask(start, pad_token_id=PAD, max_length=15)
    fixed = mask[:, : ids.shape[-1]] != -1
    assert torch.equal(ids[0][fixed], mask[:, : ids.shape[-1]][fixed])
    assert all(
        torch.equal(labels[0, book, book : book + 10], torch.from_numpy(codes[book].astype(np.int64)))
        for book in range(4)
    )
    assert (labels[0, 3, :3] == IGNORED).all()


def test_pieces_that_feature_what_is_learned_badly_are_drawn_more_often() -> None:
    def drawn(*players: str, is_fresh: bool = False) -> float:
        return weight({"solo": len(players) == 1, "instruments": players}, is_fresh)

    assert drawn("trumpet") > drawn("piano") > drawn("piano", "drums")
    assert drawn("drums", "strings") > drawn("drums", "piano")
    assert drawn("piano", is_fresh=True) == 3 * drawn("piano")


def test_windows_are_spoilt_as_often_as_asked() -> None:
    window, random = Window(CODES, PIECE, True), Random(3)
    assert all(spoilt(window, random, 0.0) is window for _ in range(20))
    assert sum(spoilt(window, random, 0.3) is window for _ in range(400)) == pytest.approx(280, abs=40)


def test_players_are_told_one_by_one() -> None:
    told = playing([{"labels": {"instruments": ["flute"]}}, {"labels": {"instruments": ["piano", "drums"]}}])
    assert [[INSTRUMENTS[index] for index in row.nonzero()[:, 0]] for row in told] == [["flute"], ["piano", "drums"]]


def test_what_was_shown_three_times_is_shown_no_more_while_there_is_fresh_music(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "CODES", tmp_path)
    piece = {
        **PIECE,
        "offset": 0,
        "samples": 256 * 320,
        "labels": {"frames_per_sixteenth": 4, "instruments": [], "solo": False},
    }

    def write(number: int) -> None:
        np.save(tmp_path / f"{number:05d}.npy", CODES)
        (tmp_path / f"{number:05d}.json").write_text(json.dumps([piece]))

    write(5)
    shown, random = Corpus(held_out=False), Random(0)
    shown.passes_max = 3.0
    assert shown.passes_left() == 3.0
    for _ in range(3):
        shown.window(random, 400)
    assert (shown.passes(5), shown.passes_left()) == (3.0, 0.0)
    write(6)
    shown.refresh()
    assert shown.passes_left() == 3.0
    shown.window(random, 100)
    assert shown.drawn == {5: 3 * 128, 6: 100}


def test_labels_end_a_beat_after_the_input_stood() -> None:
    told = [spoilt(Window(CODES, PIECE, True), Random(seed), 1.0).told for seed in range(60)]
    assert {frames is None for frames in told} == {True, False}
    assert all(frames is None or 16 < frames <= CODES.shape[1] for frames in told)
