"""Note transcriber against known notes: sine chords and renderings.

The renderings are our own renderer's, where it is installed.
"""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.steering.transcriber import LOWEST_KEY, RATE_HZ, transcribe
from numpy.typing import NDArray
from scipy.stats import spearmanr


def tone(key: int, duration_s: float) -> NDArray[np.float64]:
    """A key with eight falling partials, and a short attack and release."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    pitch_hz = 440 * 2 ** ((key - 69) / 12)
    sound = sum(0.7**partial * np.sin(2 * np.pi * pitch_hz * (partial + 1) * time_s + partial) for partial in range(8))
    return np.asarray(sound * np.minimum(1.0, 50 * np.minimum(time_s, duration_s - time_s)))


def chord(*keys: int, duration_s: float = 1.0) -> NDArray[np.float32]:
    return (0.1 * sum(tone(key, duration_s) for key in keys)).astype(np.float32)


@pytest.mark.parametrize(
    "keys",
    [(60,), (48, 64), (57, 60, 64), (50, 57, 62, 66), (45, 51, 56, 62, 67)],
    ids=lambda keys: f"{len(keys)} keys",
)
def test_the_keys_of_a_chord_are_found(keys: tuple[int, ...]) -> None:
    found = transcribe(chord(*keys))
    share = found.roll.mean(axis=0)
    heard = {int(key) + LOWEST_KEY for key in np.flatnonzero(share > 0.5)}
    assert len(heard & set(keys)) >= len(keys) - (len(keys) > 3)
    assert len(heard - set(keys)) <= 1


def test_polyphony_rises_with_the_notes_of_a_chord() -> None:
    counts = [transcribe(chord(*keys)).polyphony for keys in ((60,), (60, 67), (55, 59, 64), (48, 55, 60, 64))]
    assert counts == sorted(counts)
    assert counts[0] == pytest.approx(1.0, abs=0.2)
    assert counts[-1] >= 3.0


def test_notes_a_second_are_counted() -> None:
    for count in (2, 4, 8):
        keys = [60 + 2 * (index % 5) for index in range(4 * count)]
        tune = np.concatenate([chord(key, duration_s=1 / count) for key in keys])
        assert transcribe(tune).notes_per_s == pytest.approx(count, rel=0.25)


def test_silence_has_no_notes() -> None:
    found = transcribe(np.zeros(RATE_HZ, np.float32))
    assert (found.polyphony, found.notes_per_s) == (0.0, 0.0)


def test_it_ranks_rendered_pieces_as_their_scores_do() -> None:
    """Our composer's pieces without drums, whose notes are known, up to five voices and ten notes a second.

    Measured on 40 pieces of any density the rank correlations are 0.31 (voices) and 0.53 (notes): the transcriber saturates above.
    """
    render = pytest.importorskip("model.training.render")
    from model.training.compose import compose
    from model.training.synth import SoundFontMissing, Synth

    try:
        synth = Synth()
    except SoundFontMissing as missing:
        pytest.skip(str(missing))
    known, heard = [], []
    seed = 95_000_000
    while len(known) < 16:
        piece, seed = compose(seed), seed + 1
        notes = [note for note in piece.notes if note.player != "drums"]
        if len(notes) < len(piece.notes):
            continue
        audio = render.render_piece(synth, piece)[: 5 * RATE_HZ]
        frames = 250
        sounding = np.zeros(frames)
        for note in notes:
            sounding[note.start : min(note.end, frames)] += 1
        voices, notes_per_s = sounding[sounding > 0].mean(), sum(note.start < frames for note in notes) / 5
        if voices > 5 or notes_per_s > 10:
            continue
        found = transcribe(audio)
        known.append((voices, notes_per_s))
        heard.append((found.polyphony, found.notes_per_s))
    ranks = [float(spearmanr([k[i] for k in known], [h[i] for h in heard]).statistic) for i in (0, 1)]
    assert ranks[0] > 0.4, ranks
    assert ranks[1] > 0.6, ranks
