"""Clips of a track: ten seconds long, eight apart.

`extract` announces length and hop (`GetExtractor`); a range shorter than its least clip is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resonance.steering.track_ranges import Stretch

SAMPLE_BYTES = 4
CHUNK_SAMPLES = 16_000  # 64 kB of float32: large enough to be cheap, small enough to be stopped between two


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipShape:
    """Length, hop and shortest length of clips in seconds, at the rate of the extractor's model."""

    sample_rate_hz: int
    clip_s: float
    hop_s: float
    clip_min_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stretch of a track, in samples. `shift` samples before it are not in the file of decoded samples."""

    index: int
    start: int
    sample_count: int
    shift: int = 0


def cut(sample_count: int, shape: ClipShape) -> tuple[Clip, ...]:
    """The clips of a track of `sample_count` samples.

    Whole clips, one hop apart; then the rest as a shorter last clip, if it is long enough to be used and holds samples
    that the clip before it does not. A track shorter than a clip is one clip; one shorter than the least clip is none.
    """
    length, hop = round(shape.clip_s * shape.sample_rate_hz), round(shape.hop_s * shape.sample_rate_hz)
    least = max(1, round(shape.clip_min_s * shape.sample_rate_hz))
    clips: list[Clip] = []
    start = covered = 0
    while covered < sample_count and sample_count - start >= least:
        taken = min(length, sample_count - start)
        clips.append(Clip(index=len(clips), start=start, sample_count=taken))
        covered, start = start + taken, start + hop
    return tuple(clips)


def cut_stretches(
    stretches: Iterable[Stretch], shape: ClipShape, kept: Sequence[tuple[int, int]] = ()
) -> tuple[Clip, ...]:
    """The clips of chosen stretches: each stretch is cut like a track, and the clips are counted through.

    `kept` are the parts of the track that its file holds one after the other; none means that it holds all.
    """
    found = [
        replace(clip, start=stretch.start + clip.start, shift=_find_shift(stretch.start, kept))
        for stretch in stretches
        for clip in cut(stretch.end - stretch.start, shape)
    ]
    return tuple(replace(clip, index=index) for index, clip in enumerate(found))


def _find_shift(place: int, kept: Sequence[tuple[int, int]]) -> int:
    """The samples before `place` that the file does not hold."""
    held = sum(min(end, place) - start for start, end in kept if start < place)
    return place - held if kept else 0


def read_chunks(path: Path, clip: Clip) -> list[bytes]:
    """The clip's samples from a file of float32 PCM, in chunks. A clip of ten seconds is 1.3 MB at 32 kHz."""
    with path.open("rb") as file:
        file.seek((clip.start - clip.shift) * SAMPLE_BYTES)
        data = file.read(clip.sample_count * SAMPLE_BYTES)
    assert len(data) == clip.sample_count * SAMPLE_BYTES, "a prepared track is never cut short"
    step = CHUNK_SAMPLES * SAMPLE_BYTES
    return [data[at : at + step] for at in range(0, len(data), step)]
