"""Loop of a finished piece: found and measured in a child process, then cut."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonance.audio.confinement import die_with_parent
from resonance.errors import Unavailable
from resonance.store.token_document import Codes
from resonance.v1 import generate_pb2
from resonance_generate.takes.hearing import NICENESS, measure_in_child
from resonance_generate.takes.loop_finder import LoopCut, cut_loop, find_loop, measure_seam

LOOP_S_MAX = 60.0
_FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLoop:
    """A loop: its samples (interleaved 16-bit PCM), its tokens, and its description."""

    pcm: bytes
    codes: Codes
    description: generate_pb2.Loop


async def make_loop(take: generate_pb2.Take, pcm: bytes, codes: Codes, *, duration_s: float) -> MadeLoop:
    """The loop of whole bars, near `duration_s`, out of a longer piece. `take` says its format, metre and tempo.

    Raises:
        Unavailable: the child failed or took too long.
    """
    rate_hz, channel_count = take.format.sample_rate_hz, max(1, take.format.channel_count)
    told_bpm = str(take.asked.told_bpm) if take.asked.HasField("told_bpm") else ""
    beats = beats_per_bar(take.asked.metre)
    mono = await asyncio.to_thread(_first_channel, pcm, channel_count)
    arguments = [str(rate_hz), str(duration_s), str(beats), told_bpm]
    found = await measure_in_child("resonance_generate.takes.loops", mono, arguments)
    if isinstance(found, str):
        raise Unavailable(f"the loop could not be cut: {found}; ask again", reason="LOOP_NOT_CUT", retry_after_s=1.0)
    cut = LoopCut(**found["cut"])
    frame_samples = round(len(pcm) / (2 * channel_count) / codes.shape[1])
    first, count = round(cut.start / frame_samples), round(cut.length / frame_samples)
    description = generate_pb2.Loop(
        bpm=cut.bpm,
        bar_count=cut.bar_count,
        beats_per_bar=beats if cut.bar_count else 0,
        no_bars=cut.no_bars,
        crossfade_s=cut.crossfade / rate_hz,
        **found["seam"],
    )
    return MadeLoop(
        pcm=await asyncio.to_thread(_cut, pcm, channel_count, cut),
        codes=codes[:, first : first + count],
        description=description,
    )


def loop_notice(loop: generate_pb2.Loop, duration_s: float) -> str:
    """The loop in a sentence for people."""
    if loop.bar_count:
        bars = "1 bar" if loop.bar_count == 1 else f"{loop.bar_count} bars"
        return f"the loop has {bars} at {loop.bpm:g} bpm and is {duration_s:.2f} s long"
    return f"the loop is {duration_s:.2f} s long, not a number of bars ({loop.no_bars}); its end was faded into its beginning"


def beats_per_bar(metre: str) -> int:
    """The beats of a bar of a metre such as `3/4`; 4 where none was asked for."""
    beats = metre.partition("/")[0]
    return int(beats) if beats.isdigit() and 1 <= int(beats) <= 12 else 4


def _first_channel(pcm: bytes, channel_count: int) -> bytes:
    return np.frombuffer(pcm, "<i2")[::channel_count].tobytes()


def _cut(pcm: bytes, channel_count: int, cut: LoopCut) -> bytes:
    samples = np.frombuffer(pcm, "<i2").reshape(-1, channel_count).T / _FULL_SCALE
    loop = cut_loop(samples, cut)
    return bytes(np.rint(np.clip(loop, -1, 1) * _FULL_SCALE).T.astype("<i2").tobytes())


def _find(pcm: bytes, sample_rate_hz: int, duration_s: float, beats: int, told_bpm: float | None) -> dict[str, object]:
    """The cut and its seam as JSON."""
    piece = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0
    cut = find_loop(piece, sample_rate_hz, duration_s=duration_s, beats_per_bar=beats, told_bpm=told_bpm)
    loop = cut_loop(piece[None].astype(np.float64), cut)[0].astype(np.float32)
    beat_s = cut.length / sample_rate_hz / (cut.bar_count * beats) if cut.bar_count else None
    seam = measure_seam(piece, loop, cut, sample_rate_hz, beat_s=beat_s)
    return {
        "cut": dataclasses.asdict(cut),
        "seam": {
            "seam_flux_ratio": round(seam.flux_ratio, 2),
            "seam_level_db": round(seam.level_db, 1),
            "inner_level_db": round(seam.inner_level_db, 1),
        },
    }


if __name__ == "__main__":
    die_with_parent()
    os.nice(NICENESS)
    path, rate, wanted, bar, told = sys.argv[1:6]
    print(json.dumps(_find(Path(path).read_bytes(), int(rate), float(wanted), int(bar), float(told) if told else None)))
