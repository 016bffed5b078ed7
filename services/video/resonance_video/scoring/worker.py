"""Watching child: `python -m resonance_video.scoring.worker CLIP SECONDS_MAX` measures the pictures of one untrusted clip."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from resonance.audio import confinement
from resonance.errors import InvalidInput, ResonanceError

Values = NDArray[np.float64]
_CPU_S_MAX, _MEMORY_BYTES_MAX, _FILE_BYTES_MAX = 600.0, 3 << 30, 1 << 20
# Pictures are looked at on a small grid, at most so many in a second.
_WIDE, _HIGH, _RATE_HZ = 64, 48, 12.0
_SECONDS_MIN = 1.0
# A picture that differs from the one before by this mean share of the range, and by so many times the usual difference, is a cut.
_CUT_MIN, _CUT_RATIO = 0.08, 4.0
# A shot without cuts is looked at in stretches of this length.
_STRETCH_S = 2.0


def main() -> None:
    """Prints the answer as one line of JSON."""
    os.nice(5)  # generation comes before watching
    confinement.leave_network()
    confinement.die_with_parent()
    confinement.limit_resources(cpu_s=_CPU_S_MAX, memory_bytes=_MEMORY_BYTES_MAX, file_bytes=_FILE_BYTES_MAX)
    av.logging.set_level(av.logging.PANIC)
    try:
        answer = watch(Path(sys.argv[1]), float(sys.argv[2]))
    except ResonanceError as refusal:
        answer = {"reason": refusal.reason, "message": refusal.message}
    except (av.FFmpegError, OSError, ValueError) as failure:
        answer = {"reason": "NOT_VIDEO", "message": f"the clip cannot be read: {failure}"}
    print(json.dumps(answer), flush=True)


def watch(clip: Path, seconds_max: float) -> dict[str, Any]:
    """Stretches of the clip with their energy and density.

    Energy is 0.7 of the motion and 0.3 of the brightness of a stretch, each against the clip's largest; density is how much
    neighbouring cells differ, which edges and detail raise. Raises InvalidInput.
    """
    times, pictures = _read(clip, seconds_max)
    duration_s = times[-1] + (times[-1] - times[0]) / max(len(times) - 1, 1)
    if duration_s < _SECONDS_MIN:
        raise InvalidInput(
            f"the clip has {duration_s:.2f} s of pictures; at least {_SECONDS_MIN} s are needed", reason="TOO_SHORT"
        )
    changes = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    cuts = _find_cuts(changes)
    motion = np.concatenate([[0.0], np.where(np.isin(np.arange(len(changes)), cuts), 0.0, changes)])
    detail = np.abs(np.diff(pictures, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(pictures, axis=2)).mean(axis=(1, 2))
    starts = _stretches(times, [cut + 1 for cut in cuts], duration_s)
    means = [_means(values, starts) for values in (motion, pictures.mean(axis=(1, 2)), detail)]
    energy = 0.7 * means[0] / max(float(means[0].max()), 0.01) + 0.3 * means[1]
    return {
        "duration_s": duration_s,
        "starts_s": [0.0, *(times[start] for start in starts[1:])],
        "energy": energy.tolist(),
        "density": means[2].tolist(),
    }


def _read(clip: Path, seconds_max: float) -> tuple[list[float], Values]:
    """Times in seconds from the first picture on, and luma in [0, 1], `[pictures, high, wide]`."""
    times: list[float] = []
    pictures: list[Values] = []
    with av.open(str(clip), metadata_errors="ignore") as container:
        if not container.streams.video:
            raise InvalidInput("the file has no pictures", reason="NO_VIDEO")
        first: float | None = None
        for frame in container.decode(video=0):
            at_s = float(frame.time) if frame.time is not None else len(times) / _RATE_HZ
            first = at_s if first is None else first
            at_s -= first
            if at_s > seconds_max:
                raise InvalidInput(f"the clip is longer than {seconds_max:g} s", reason="TOO_LONG")
            if times and at_s - times[-1] < 1 / _RATE_HZ - 1e-3:
                continue
            small = frame.reformat(width=_WIDE, height=_HIGH, format="gray", interpolation="AREA")
            times.append(at_s)
            pictures.append(small.to_ndarray().astype(np.float64) / 255)
    if not pictures:
        raise InvalidInput("the file has no pictures", reason="NO_VIDEO")
    return times, np.stack(pictures)


def _find_cuts(changes: Values) -> list[int]:
    """Numbers of the changes that are cuts: large, and much larger than those around them."""
    cuts = []
    for number, change in enumerate(changes):
        around = np.concatenate([changes[max(number - 6, 0) : number], changes[number + 1 : number + 7]])
        usual = float(np.median(around)) if len(around) else 0.0
        if change >= _CUT_MIN and change >= _CUT_RATIO * max(usual, 1e-3):
            cuts.append(number)
    return cuts


def _stretches(times: list[float], cuts: list[int], duration_s: float) -> list[int]:
    """Numbers of the pictures at which stretches begin: the first, those after cuts, and in long shots one every _STRETCH_S."""
    edges = [*[times[cut] for cut in cuts], duration_s]
    starts, begin_s = [0], 0.0
    for edge_s, cut in zip(edges, [*cuts, len(times)], strict=True):
        parts = max(1, int((edge_s - begin_s) / _STRETCH_S))
        for part in range(1, parts):
            at = int(np.searchsorted(times, begin_s + part * (edge_s - begin_s) / parts))
            if starts[-1] < at < cut:
                starts.append(at)
        if cut < len(times):
            starts.append(cut)
        begin_s = edge_s
    return starts


def _means(values: Values, starts: list[int]) -> Values:
    ends = [*starts[1:], len(values)]
    return np.array([values[start:end].mean() for start, end in zip(starts, ends, strict=True)])


if __name__ == "__main__":
    main()
