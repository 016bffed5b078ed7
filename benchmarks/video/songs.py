"""Composed songs with known beats, bars and sections, from the training data's composer and FluidSynth.

A song is one composed piece, laid out as intro, verse, chorus and so on: every section repeats the piece's form with other players.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from model.training.compose import compose
from model.training.pieces import Note, Piece
from model.training.render import without_offset
from model.training.synth import FRAME_SAMPLES, SAMPLE_RATE_HZ, Synth
from numpy.typing import NDArray

from resonance.audio.wav import pcm16, wav_header

FRAME_S = 0.02
_LAYOUTS = (
    ("intro", "verse", "chorus", "verse", "chorus", "outro"),
    ("intro", "verse", "verse", "chorus", "break", "chorus"),
    ("verse", "chorus", "verse", "chorus", "chorus", "outro"),
)
_SHARES = {"intro": 0.34, "verse": 0.67, "chorus": 1.0, "break": 0.34, "outro": 0.34}
_LOUDER = {"intro": 0.8, "verse": 0.85, "chorus": 1.0, "break": 0.75, "outro": 0.75}
SECTION_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """A rendered song with what is true of it; times in seconds. Two equal sections in a row are one."""

    seed: int
    path: Path
    bpm: float
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    boundaries_s: tuple[float, ...]
    roles: tuple[str, ...]
    duration_s: float
    words: str


def band_seeds(count: int, *, first: int = 9_000_001) -> list[int]:
    """Seeds of pieces with at least three players, none of them in the training data."""
    seeds: list[int] = []
    seed = first
    while len(seeds) < count:
        piece = compose(seed)
        if len({note.player for note in piece.notes}) >= 3:
            seeds.append(seed)
        seed += 1
    return seeds


def render_song(synth: Synth, seed: int, folder: Path, *, section_s: float = SECTION_S) -> Song:
    """Renders the song of a seed as a 16-bit WAV file into `folder`; its sections are about `section_s` long."""
    piece, random = compose(seed), Random(seed)
    roles = random.choice(_LAYOUTS)
    loop_s = piece.loop_frames * FRAME_S
    repeats = max(1, round(section_s / loop_s))
    section_frames = repeats * piece.loop_frames
    notes: list[Note] = []
    for place, role in enumerate(roles):
        notes += _section_notes(piece, role, place * section_frames, repeats)
    frames = len(roles) * section_frames
    path = folder / f"{seed}.wav"
    path.write_bytes(wav_of(without_offset(synth.render(tuple(notes), frames))))
    beat = piece.bar_frames // 4
    return Song(
        seed=seed,
        path=path,
        bpm=piece.labels.bpm,
        beats_s=tuple(frame * FRAME_S for frame in range(0, frames, beat)),
        downbeats_s=tuple(frame * FRAME_S for frame in range(0, frames, piece.bar_frames)),
        boundaries_s=tuple(
            place * section_frames * FRAME_S for place in range(1, len(roles)) if roles[place] != roles[place - 1]
        ),
        roles=roles,
        duration_s=frames * FRAME_S,
        words=f"{piece.labels.genre} {'slow' if piece.labels.tempo == 0 else 'fast' if piece.labels.tempo == 2 else ''}",
    )


def wav_of(audio: NDArray[np.float32], rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """A mono 16-bit WAV file, peak at -1 dB."""
    samples = audio * (0.89 / (float(np.abs(audio).max()) + 1e-9))
    data = pcm16(samples)
    return wav_header(sample_rate_hz=rate_hz, channel_count=1, sample_count=len(data) // 2) + data


def render_unpulsed(synth: Synth, seed: int, kind: str, folder: Path) -> Path:
    """Twenty seconds without a pulse: `choir` and `pad` hold chords, `noise` and `silence` are what they say."""
    random = np.random.default_rng(seed)
    count = 20 * SAMPLE_RATE_HZ
    if kind == "silence":
        audio = np.zeros(count, np.float32)
    elif kind == "noise":
        audio = (random.standard_normal(count) * 0.1).astype(np.float32)
    else:
        audio = without_offset(synth.render(_held_chords(random, kind), count // FRAME_SAMPLES))
    path = folder / f"{kind}-{seed}.wav"
    path.write_bytes(wav_of(audio))
    return path


def _section_notes(piece: Piece, role: str, start: int, repeats: int) -> list[Note]:
    players = list(dict.fromkeys(note.player for note in piece.notes))
    players.sort(key=lambda player: player == "drums")  # the drums are the last to come in
    heard = set(players[: max(1, round(_SHARES[role] * len(players)))])
    once = [note for note in piece.notes if note.start < piece.loop_frames and note.player in heard]
    return [
        Note(
            start + repeat * piece.loop_frames + note.start,
            start + repeat * piece.loop_frames + min(note.end, piece.loop_frames),
            note.player,
            note.key,
            max(1, round(note.velocity * _LOUDER[role])),
        )
        for repeat in range(repeats)
        for note in once
    ]


def _held_chords(random: np.random.Generator, player: str) -> tuple[Note, ...]:
    """Chords of 2.5 to 5 seconds, each voice entering at its own time."""
    notes: list[Note] = []
    for voice in range(4):
        at = int(random.integers(0, 60))
        while at < 1000:
            length = int(random.integers(125, 250))
            key = 48 + 12 * (voice // 2) + int(random.choice([0, 2, 4, 5, 7, 9, 11]))
            notes.append(Note(at, at + length + 10, player, key, 60))
            at += length
    return tuple(notes)
