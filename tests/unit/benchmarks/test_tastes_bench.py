"""Taste bench: level matching, playlist means, confidence of shares."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from benchmarks.tastes.manifest import PLAYLISTS, chosen, read_manifest
from benchmarks.tastes.scoring import Classes, confusion, cosine, interval, right_of_all, right_of_some
from benchmarks.tastes.sound import RATE_HZ, TARGET_LUFS, levelled, loudness, windows
from benchmarks.tastes.takes import SEEDS, asked_cells, plain_cells, random_cells, taste_cells, words_cells
from benchmarks.tastes.tensor_bundle import read_bundle


def _tone(hertz: float, seconds: float, peak: float) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def test_full_scale_at_1_khz_is_3_db_below_zero_as_the_standard_says() -> None:
    assert loudness(_tone(997, 4, 1.0)) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("peak", [0.9, 0.1, 0.004])
def test_whatever_the_level_was_a_judge_hears_the_same(peak: float) -> None:
    heard = levelled(_tone(440, 4, peak))
    assert loudness(heard) == pytest.approx(TARGET_LUFS, abs=0.1)
    np.testing.assert_allclose(heard, levelled(_tone(440, 4, 0.5)), atol=1e-3)


def test_silence_stays_silent_and_is_no_window() -> None:
    silence = np.zeros(20 * RATE_HZ, dtype=np.float32)
    assert not levelled(silence).any()
    assert windows(silence, 3) == []


def test_windows_are_levelled_each_by_itself_and_lie_in_the_middle() -> None:
    audio = np.concatenate([_tone(300, 20, 0.5), _tone(300, 20, 0.05)])
    found = windows(audio, 4)
    assert [len(one) for one in found] == [8 * RATE_HZ] * 4
    assert [loudness(one) for one in found] == pytest.approx([TARGET_LUFS] * 4, abs=0.1)


def _songs(rows: list[list[float]], shared: np.ndarray) -> list[np.ndarray]:
    """A playlist of songs of one window each."""
    return [shared + np.array([row]) for row in rows]


def test_a_clip_is_named_as_the_playlist_whose_mean_is_nearest_in_direction_from_the_common_centre() -> None:
    shared = np.array([100.0, -50.0, 7.0])
    rows = [[[3.0, 0.0, 0.0], [5.0, 1.0, 0.0]], [[0.0, 4.0, 0.0], [1.0, 4.0, 0.0]], [[0.0, 0.0, 4.0], [0.0, 1.0, 5.0]]]
    classes = Classes.of([_songs(one, shared) for one in rows])
    np.testing.assert_allclose(np.linalg.norm(classes.means, axis=1), 1)
    near = classes.nearness(shared + np.array([[40.0, 1, 1], [1, 9, 2], [0, 1, 6]]))
    assert near.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_playlist_with_more_songs_pulls_the_centre_no_more_than_others() -> None:
    few, many = [[0.0, 1.0], [0.0, 3.0]], [[4.0, 0.0] for _ in range(50)]
    np.testing.assert_allclose(Classes.of([_songs(few, np.zeros(2)), _songs(many, np.zeros(2))]).centre, [2.0, 1.0])


def test_what_varies_within_playlists_counts_for_less() -> None:
    noisy = np.array([[9.0, 0.0], [-9.0, 0.0]])
    classes = Classes.of([[noisy + np.array([0.0, side])] for side in (1.0, -1.0)])
    assert classes.whitening[0, 0] < classes.whitening[1, 1]
    assert right_of_all(classes.nearness([[3.0, 0.9], [-3.0, 0.9]]), 0).tolist() == [1.0, 1.0]


def test_right_of_some_is_the_mean_over_all_sets_that_hold_the_true_playlist() -> None:
    nearness = np.random.default_rng(0).normal(size=(20, 8))
    for truth in (0, 5):
        others = [at for at in range(8) if at != truth]
        by_hand = np.mean(
            [(nearness[:, [truth, *three]].argmax(axis=1) == 0) for three in itertools.combinations(others, 3)], axis=0
        )
        np.testing.assert_allclose(right_of_some(nearness, truth), np.asarray(by_hand))
        np.testing.assert_allclose(right_of_some(nearness, truth, choices=8), right_of_all(nearness, truth))


def test_what_is_named_by_chance_is_right_by_chance() -> None:
    nearness = np.random.default_rng(1).normal(size=(4000, 8))
    assert right_of_all(nearness, 3).mean() == pytest.approx(1 / 8, abs=0.02)
    assert right_of_some(nearness, 3).mean() == pytest.approx(1 / 4, abs=0.02)


def test_a_judge_who_hears_no_difference_is_right_by_chance_and_not_always() -> None:
    assert right_of_all(np.ones((5, 8)), 0) == pytest.approx(1 / 8)


def test_the_interval_is_wilsons() -> None:
    assert interval(0.5, 64) == pytest.approx((0.381, 0.619), abs=0.001)
    assert interval(1.0, 16) == pytest.approx((0.806, 1.0), abs=0.001)
    assert interval(0.0, 0) == (0.0, 1.0)


def test_confusion_has_a_row_for_each_kind_of_clip() -> None:
    named = confusion([np.eye(3)[[0, 0, 2, 0]], np.eye(3)[[1, 1]]])
    assert named.tolist() == [[0.75, 0, 0.25], [0, 1, 0]]


def test_the_cosine_of_directions_counts_every_layer_alike() -> None:
    first = np.array([[1.0, 0.0], [100.0, 0.0]])
    second = np.array([[0.0, 1.0], [5.0, 0.0]])
    assert cosine(first, second) == pytest.approx(0.5)
    assert cosine(first, 3 * first) == pytest.approx(1.0)


def test_no_song_is_in_two_places_and_every_playlist_is_whole() -> None:
    songs = read_manifest()
    assert len({song.sha256 for song in songs}) == len({song.title for song in songs}) == len(songs)
    assert all(song.duration_s >= 30 and song.licence for song in songs)
    for name in PLAYLISTS:
        assert len(chosen(songs, name, "taste")) == 8
        assert len(chosen(songs, name, "held")) >= 4


def test_every_arm_asks_with_the_same_prompts_and_seeds() -> None:
    plain = {(cell.prompt, cell.seed) for cell in plain_cells()}
    assert len(plain) == 4 * len(SEEDS)
    for cells in (list(taste_cells()), list(random_cells())):
        assert {(cell.prompt, cell.seed) for cell in cells} == plain
        assert len(set(cells)) == len(PLAYLISTS) * len(plain)
        assert all(cell.is_steered for cell in cells)
    assert not any(cell.is_steered for cell in [*plain_cells(), *words_cells()])
    assert {cell.is_steered for cell in asked_cells()} == {True, False}


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """An SSTable block of whole keys, one restart point, no compression and no checksum."""
    rows = b"".join(b"\0" + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries)
    return rows + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def _bundle(prefix: Path, values: np.ndarray) -> None:
    shape = b"".join(b"\x12" + _varint(len(size)) + size for size in (b"\x08" + _varint(one) for one in values.shape))
    entry = b"\x08\x01\x12" + _varint(len(shape)) + shape + b"\x20" + _varint(4) + b"\x28" + _varint(values.nbytes)
    data = _block([(b"", b"\x08\x01"), (b"conv/kernel", entry), (b"conv/kernel/Adam", entry)])
    index = _block([(b"z", _varint(0) + _varint(len(data)))])
    handles = _varint(0) + _varint(0) + _varint(len(data) + 5) + _varint(len(index))
    prefix.with_name(f"{prefix.name}.index").write_bytes(data + bytes(5) + index + bytes(5) + handles.ljust(48, b"\0"))
    stored = np.float32(9).tobytes() + values.tobytes()
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(stored)


def test_a_tensorflow_checkpoint_is_read_without_tensorflow(tmp_path: Path) -> None:
    values = np.arange(400, dtype="<f4").reshape(2, 200)
    _bundle(tmp_path / "model", values)
    found = read_bundle(tmp_path / "model")
    assert list(found) == ["conv/kernel"]
    np.testing.assert_array_equal(found["conv/kernel"], values)
