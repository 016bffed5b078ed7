"""Audio input of judges: mono files, loudness, windows.

Files are read at the rate of the judges.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
TARGET_LUFS: Final = -23.0
WINDOW_S: Final = 8.0
_GAIN_MAX: Final = 1e3  # what is silent stays silent
Audio = NDArray[np.float32]


def load(path: Path, *, rate_hz: int = RATE_HZ) -> Audio:
    """The whole file, mono (the mean of its channels), float32 at `rate_hz`."""
    return load_channels(path, rate_hz=rate_hz).mean(axis=0)


def load_channels(path: Path, *, rate_hz: int | None = None) -> Audio:
    """The whole file, `[channels, samples]`, at `rate_hz` or at its own rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", stream.layout.name, rate_hz or stream.rate)
        blocks = [
            block.to_ndarray() for frame in [*_frames(container, stream), None] for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks, axis=1)


def cut(path: Path, folder: Path, seconds: float) -> Path:
    """The middle of a song as a FLAC file, made once, its level and channels as they are; the song itself where it is shorter."""
    kept = folder / f"{path.stem}-{seconds:g}.flac"
    if not kept.exists():
        with av.open(str(path)) as container:
            rate_hz = container.streams.audio[0].rate
        audio, size = load_channels(path), int(seconds * rate_hz)
        start = max(0, (audio.shape[1] - size) // 2)
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(kept, audio[:, start : start + size].T, rate_hz, subtype="PCM_24")
    return kept


def _frames(container: Any, stream: Any) -> Any:
    yield from container.decode(stream)


def loudness(audio: Audio, rate_hz: int = RATE_HZ) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4) of mono audio or `[channels, samples]`; -inf where all is below the gate."""
    import pyloudnorm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(rate_hz).integrated_loudness(audio.T.astype(np.float64)))


def levelled(audio: Audio, rate_hz: int = RATE_HZ, *, target_lufs: float = TARGET_LUFS) -> Audio:
    """The audio at -23 LUFS, or at another target."""
    level = loudness(audio, rate_hz)
    gain = 10 ** ((target_lufs - level) / 20) if np.isfinite(level) else 1.0
    return (audio * min(gain, _GAIN_MAX)).astype(np.float32)


def windows(audio: Audio, count: int) -> list[Audio]:
    """`count` windows of 8 s spread evenly from a tenth to nine tenths of the audio, each at -23 LUFS; silent ones are left out."""
    size = int(WINDOW_S * RATE_HZ)
    if len(audio) <= size:
        return [levelled(audio)]
    starts = (
        np.linspace(len(audio) * 0.1, max(len(audio) * 0.9 - size, 0), count).astype(int).clip(0, len(audio) - size)
    )
    cut = [audio[start : start + size] for start in starts]
    return [levelled(one) for one in cut if np.isfinite(loudness(one))]
